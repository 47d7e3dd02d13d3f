"""Device authorization (RFC 8628): one asks on a television, another says yes in a browser, and nobody else gets in."""

import asyncio
from typing import Any

import jwt
import msgspec
import pytest

from eventlog.errors import Refusal
from services.token.commands.awaited import asked_now
from services.token.commands.device import Begun, Decided, begin_device, decide_device, look_up, poll
from services.token.commands.issue import Answered
from services.token.commands.redeem import redeem
from services.token.commands.revoke import revoke_client, revoke_session, revoke_subject
from services.token.commands.standing import Overtaken
from services.token.domain.authorization import Decision, Login, SignedIn
from services.token.domain.client import Client
from services.token.domain.code import Shown
from services.token.domain.device import GRANT_TYPE, LETTERS, read_user_code
from services.token.domain.errors import (
    AccessDenied,
    AuthorizationPending,
    AuthorizationRefused,
    ExpiredToken,
    InvalidGrant,
    InvalidTarget,
    MayHaveWaited,
    NoSuchAddress,
    Reused,
    SlowDown,
    UnauthorizedClient,
)
from services.token.domain.keyring import REFRESH_RING
from tests.unit.token.authorizing import OWN, Browser
from tests.unit.token.world import ALICE, GONE, IDENTITY, Process, World, refused
from watchword.errors import TokenRefused

TV = Client(
    id="tv",
    name="The TV",
    confidential=False,
    grant_types=(GRANT_TYPE, "refresh_token"),
    scopes=("openid", "profile", "offline_access", "films:watch"),
    audiences=("films", "https://other.example"),
)
RADIO = msgspec.structs.replace(TV, id="radio")
YES, NO = Decision(True, ("openid", "films:watch")), Decision(False)


@pytest.fixture
async def world() -> World:
    return await World.made(TV, RADIO, OWN, algs=("ES256", "RS256"))


async def begun(world: World, scope: str | None = "openid films:watch", client: Client = TV) -> Begun:
    return await begin_device(world.a.token, client, scope, [])


async def decided(world: World, asked: Begun, decision: Decision = YES, who: SignedIn | None = None) -> Any:
    """On another process than the one that was asked."""
    return await decide_device(world.b.token, asked.user_code, who or Browser(world).alice(), decision, IDENTITY)


async def asks(world: World, asked: Begun, client: Client = TV, at: Process | None = None) -> Answered:
    return await poll((at or world.a).token, client, asked.device_code, [], IDENTITY, asked_now())


async def test_a_device_is_given_tokens_of_whoever_said_yes(world: World) -> None:
    asked, who = await begun(world), Browser(world).alice()
    with pytest.raises(AuthorizationPending):
        await asks(world, asked)
    given = await decided(world, asked, who=who)
    assert given == Decided(True, world.head)
    assert sorted(world.said()[-2:]) == ["code.issued", "grant.given"]
    answer = (await asks(world, asked)).answer
    claims = await world.b.verified(answer.access_token)
    assert (claims.sub, claims.client_id, claims.sid) == (ALICE, "tv", who.session_id)
    assert claims.scope == {"openid", "films:watch"}
    assert claims.aud == ("films", "https://id.example")
    said = jwt.decode(answer.id_token or "", options={"verify_signature": False})
    assert (said["sub"], said["aud"]) == (ALICE, "tv")
    assert (await world.refresh(answer.refresh_token or "", client=TV)).answer.access_token


async def test_a_device_that_was_registered_without_scopes_keeps_what_it_was_given() -> None:
    plain = msgspec.structs.replace(TV, scopes=())
    world = await World.made(plain, algs=("ES256", "RS256"))
    asked = await begun(world, "openid profile offline_access", await world.known(plain))
    await decided(world, asked, Decision(True, ("openid", "profile", "offline_access")))
    first = (await asks(world, asked, await world.known(plain))).answer
    again = (await world.refresh(first.refresh_token or "", client=plain)).answer
    assert again.scope == first.scope == "openid profile offline_access"
    assert again.id_token is not None


async def test_a_user_code_is_short_no_word_and_however_it_is_typed(world: World) -> None:
    asked = await begun(world)
    assert len(asked.user_code) == 9
    assert asked.user_code[4] == "-"
    assert set(asked.user_code) <= set(f"{LETTERS}-")
    assert not set(LETTERS) & set("AEIOUY0123456789")
    plain = asked.user_code.replace("-", "")
    for typed in (plain, plain.lower(), f" {plain[:2]} {plain[2:]}", asked.user_code.lower()):
        found = await look_up(world.b.token, typed)
        assert (found.client.name, found.user_code) == ("The TV", asked.user_code)
        assert found.request.scopes == ("openid", "films:watch")
    for wrong in ("", plain[:-1], f"{plain}B", "A" * 8, f"{plain[:-1]}é", f"{plain}{' ' * 100}"):
        assert read_user_code(wrong) is None
        with pytest.raises(NoSuchAddress):
            await look_up(world.b.token, wrong)
    assert asked.user_code not in repr(asked)
    assert asked.user_code not in repr(found)


async def test_codes_differ_and_nothing_of_them_is_in_the_log(world: World) -> None:
    many = [await begun(world) for _ in range(50)]
    assert len({one.user_code for one in many}) == len({one.device_code for one in many}) == 50
    await decided(world, many[0])
    for row in world.store.rows:
        assert many[0].user_code.encode() not in row.body
        assert many[0].device_code.rpartition(".")[2].encode() not in row.body


async def test_no_is_no_and_final(world: World) -> None:
    asked = await begun(world)
    assert await decided(world, asked, NO) == Decided(False, world.head)
    assert world.said()[-1] == "code.denied"
    with pytest.raises(AccessDenied):
        await asks(world, asked)
    with pytest.raises(NoSuchAddress):
        await decided(world, asked)
    with pytest.raises(AccessDenied):
        await asks(world, asked)


async def test_yes_to_nothing_is_a_no(world: World) -> None:
    asked = await begun(world, "films:watch")
    assert not (await decided(world, asked, Decision(True))).allowed


async def test_never_more_is_given_than_was_asked_for(world: World) -> None:
    asked = await begun(world)
    await decided(world, asked, Decision(True, ("openid", "offline_access", "profile", "watchword:admin")))
    assert (await asks(world, asked)).answer.scope == "openid"


async def test_of_many_decisions_at_once_the_first_holds(world: World) -> None:
    asked = await begun(world)
    deciding = (decided(world, asked, one) for one in (YES, NO) * 4)
    answers = await asyncio.gather(*deciding, return_exceptions=True)
    first = [one for one in answers if isinstance(one, Decided)]
    assert len(first) == 1
    assert sum(isinstance(one, NoSuchAddress) for one in answers) == 7
    assert sum(name.startswith("code.") for name in world.said()) == 1


async def test_another_client_s_device_code_is_worth_nothing(world: World) -> None:
    asked = await begun(world)
    with pytest.raises(InvalidGrant):
        await asks(world, asked, RADIO)
    await decided(world, asked)
    with pytest.raises(InvalidGrant):
        await asks(world, asked, RADIO)
    assert isinstance(await asks(world, asked), Answered)


async def test_a_device_code_is_no_authorization_code_and_the_other_way_round(world: World) -> None:
    asked = await begun(world)
    await decided(world, asked)
    respelled = asked.device_code.replace("wd1.", "wc1.")
    for code in (asked.device_code, respelled):
        with pytest.raises(InvalidGrant):
            await redeem(world.a.token, TV, code, Shown("", None), [], IDENTITY, asked_now())
    code = await Browser(world).code()
    for wrong in (code, code.replace("wc1.", "wd1."), "wd1.x.y.z", asked.device_code[:-1]):
        with pytest.raises(InvalidGrant):
            await poll(world.a.token, TV, wrong, [], IDENTITY, asked_now())
    assert isinstance(await asks(world, asked), Answered)


async def test_it_is_given_to_nobody_who_has_hung_up_and_stays_good(world: World) -> None:
    asked = await begun(world)
    await decided(world, asked)
    before = world.head
    with pytest.raises(MayHaveWaited):
        await poll(world.a.token, TV, asked.device_code, [], IDENTITY, GONE)
    assert world.head == before
    await asks(world, asked)


async def test_it_is_redeemed_once_and_its_reuse_ends_what_it_gave(world: World) -> None:
    asked = await begun(world)
    await decided(world, asked)
    polling = (asks(world, asked, at=process) for process in (world.a, world.b) * 3)
    answers = await asyncio.gather(*polling, return_exceptions=True)
    (given,) = [one for one in answers if isinstance(one, Answered)]
    assert sum(isinstance(one, Reused) for one in answers) == 5
    with pytest.raises(TokenRefused):
        await world.a.verified(given.answer.access_token)
    assert await refused(world, given.answer.refresh_token or "", client=TV) == []


async def test_who_asks_too_soon_is_slowed_down_whichever_process_is_asked(world: World) -> None:
    asked = await begun(world)
    with pytest.raises(AuthorizationPending):
        await asks(world, asked)
    world.clock.forward(2)
    with pytest.raises(SlowDown):
        await asks(world, asked, at=world.b)
    for wait in (10, 10):
        world.clock.forward(wait)
        with pytest.raises(AuthorizationPending):
            await asks(world, asked, at=world.b)
    world.clock.forward(5)
    with pytest.raises(SlowDown):
        await asks(world, asked)


async def test_a_device_that_keeps_to_the_interval_is_never_slowed_down(world: World) -> None:
    asked = await begun(world)
    for late in (0.3, -0.3, 0.2, -0.4, 0):
        with pytest.raises(AuthorizationPending):
            await asks(world, asked)
        world.clock.forward(5 + late)


async def test_whoever_said_yes_need_not_wait(world: World) -> None:
    asked = await begun(world)
    with pytest.raises(AuthorizationPending):
        await asks(world, asked)
    await decided(world, asked)
    assert isinstance(await asks(world, asked), Answered)


async def test_it_is_over_after_ten_minutes_decided_or_not(world: World) -> None:
    undecided, late = await begun(world), await begun(world)
    await decided(world, late)
    world.clock.forward(600)
    for asked in (undecided, late):
        with pytest.raises(ExpiredToken):
            await asks(world, asked)
        with pytest.raises(NoSuchAddress):
            await decided(world, asked)


async def test_what_ended_the_session_or_the_client_since_ends_the_code(world: World) -> None:
    who = Browser(world).alice()
    asked = [await begun(world) for _ in range(3)]
    await decided(world, asked[0], who=who)
    await revoke_session(world.a.token, who.session_id, "logout", IDENTITY)
    with pytest.raises(InvalidGrant):
        await asks(world, asked[0], at=world.b)
    await decided(world, asked[1])
    await revoke_subject(world.a.token, ALICE, "test", IDENTITY)
    with pytest.raises(InvalidGrant):
        await asks(world, asked[1], at=world.b)
    await decided(world, asked[2])
    await revoke_client(world.a.token, "tv", "test", IDENTITY)
    with pytest.raises(InvalidGrant):
        await asks(world, asked[2], at=world.b)


async def test_whose_session_is_over_decides_nothing(world: World) -> None:
    asked, who = await begun(world), Browser(world).alice()
    await revoke_subject(world.a.token, ALICE, "test", IDENTITY)
    assert isinstance(await decided(world, asked, who=who), Overtaken)
    who = Browser(world).alice()
    await revoke_session(world.a.token, who.session_id, "logout", IDENTITY)
    assert isinstance(await decided(world, asked, who=who), Login)
    with pytest.raises(AuthorizationPending):
        await asks(world, asked)


async def test_a_code_whose_key_was_dropped_is_worth_nothing(world: World) -> None:
    asked = await begun(world)
    await decided(world, asked)
    await world.rotate(REFRESH_RING, compromised=True)
    with pytest.raises(InvalidGrant):
        await asks(world, asked)


async def test_what_a_client_may_not_have_no_device_of_it_asks_for(world: World) -> None:
    with pytest.raises(AuthorizationRefused) as refusal:
        await begun(world, "orders:read")
    assert refusal.value.code == "invalid_scope"
    with pytest.raises(InvalidTarget):
        await begin_device(world.a.token, TV, None, ["https://elsewhere.example"])
    with pytest.raises(UnauthorizedClient):
        await begun(world, client=OWN)
    with pytest.raises(Refusal):
        await poll(world.a.token, OWN, "x", [], IDENTITY, asked_now())


async def test_offline_access_outlives_the_session(world: World) -> None:
    asked, who = await begun(world, "films:watch offline_access"), Browser(world).alice()
    await decided(world, asked, Decision(True, ("films:watch", "offline_access")), who)
    given = await asks(world, asked)
    await revoke_session(world.a.token, who.session_id, "logout", IDENTITY)
    assert (await world.b.verified(given.answer.access_token)).sid is None
