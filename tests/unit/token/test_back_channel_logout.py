"""OpenID Connect Back-Channel Logout 1.0: every client that took part in a session is told of its end."""

import asyncio
from typing import Any

import jwt
import msgspec
import pytest

from services.token.commands.revoke import revoke_session, revoke_sessions_before, revoke_subject
from services.token.domain import DAY, SECOND
from services.token.domain.events import LogoutBegun, LogoutGivenUp, LogoutTold
from services.token.domain.revocation import Before
from services.token.queries import OwnKeys
from tests.unit.token.authorizing import Browser
from tests.unit.token.leaving import DIARY, DIARY_OUT, SHOP, SHOP_OUT, House
from tests.unit.token.world import ALICE, APP, IDENTITY, ISSUER


@pytest.fixture
async def house() -> House:
    return await House.made()


async def ends(house: House, session_id: str) -> None:
    await revoke_session(house.world.a.token, session_id, "logout", IDENTITY)


async def read(house: House, token: str, client_id: str) -> dict[str, Any]:
    """A logout token as a client verifies it: by the keys that are published."""
    header = jwt.get_unverified_header(token)
    keys = jwt.PyJWKSet.from_dict(await OwnKeys(house.world.a.token).jwks())
    (key,) = [key for key in keys.keys if key.key_id == header["kid"]]
    assert header["typ"] == "logout+jwt"
    options: Any = {"verify_exp": False, "verify_iat": False}
    said: dict[str, Any] = jwt.decode(
        token, key, algorithms=[header["alg"]], audience=client_id, issuer=ISSUER, options=options
    )
    return said


async def test_each_client_of_the_session_is_told_and_no_other(house: House) -> None:
    who, other = await house.enters(), await house.enters(None, DIARY)
    await ends(house, who.session_id)
    await house.reacts()
    await house.visits()
    (to_shop,), (to_diary,) = house.sites.tokens[SHOP_OUT], house.sites.tokens[DIARY_OUT]
    said = await read(house, to_shop, "shop")
    assert (said["sub"], said["sid"]) == (ALICE, who.session_id) != (ALICE, other.session_id)
    assert said["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
    assert 0 < said["exp"] - said["iat"] <= 120
    assert said["jti"] != (await read(house, to_diary, "diary"))["jti"]
    assert set(said) == {"iss", "aud", "iat", "exp", "jti", "events", "sub", "sid"}, "never a nonce"


async def test_it_is_signed_as_the_clients_id_tokens_are(house: House) -> None:
    await house.world.rotate("signing-EdDSA")
    another = await house.world.register(msgspec.structs.replace(SHOP, id="ed", id_token_alg="EdDSA"))
    who = await house.enters(None, another)
    await ends(house, who.session_id)
    await house.reacts()
    await house.visits()
    assert jwt.get_unverified_header(house.sites.tokens[SHOP_OUT][0])["alg"] == "EdDSA"


async def test_what_nobody_takes_is_kept_from_nobody_else_of_the_client(house: House) -> None:
    """A client that refuses one session's end is told of the others."""
    house.sites.answers[SHOP_OUT] = 400
    sessions = [(await house.enters(None, SHOP)).session_id for _ in range(6)]
    for session_id in sessions:
        await ends(house, session_id)
    await house.reacts()
    await house.visits()
    assert {(await read(house, one, "shop"))["sid"] for one in house.sites.tokens[SHOP_OUT]} == set(sessions)
    assert len(house.sites.tokens[SHOP_OUT]) == 6


async def test_twice_is_once(house: House) -> None:
    who = await house.enters()
    await ends(house, who.session_id)
    await house.reacts(times=2)
    await house.visits()
    await revoke_subject(house.world.a.token, ALICE, "a test", IDENTITY)
    await house.reacts()
    await house.visits()
    assert house.sites.tried.count(SHOP_OUT) == 1
    begun = [event for _, event in house.world.events() if isinstance(event, LogoutBegun)]
    assert [event.client_ids for event in begun] == [["diary", "shop"]], "who has no address is owed nothing"
    assert [type(event) for _, event in house.world.events()].count(LogoutTold) == 2


async def test_two_processes_tell_a_client_once(house: House) -> None:
    who = await house.enters(None, SHOP)
    house.sites.slow[SHOP_OUT] = asyncio.Event()
    await ends(house, who.session_id)
    await house.reacts()
    await house.table.follow()
    first, second = house.courier, house.another_courier()
    await first.look()
    while not house.sites.tried:
        await asyncio.sleep(0)
    await house.visits(second)
    house.sites.slow[SHOP_OUT].set()
    await first.settled()
    assert house.sites.tried == [SHOP_OUT]


async def test_what_ends_all_sessions_tells_of_each_but_those_that_go_on(house: House) -> None:
    spared, first, second = [await house.enters(None, SHOP) for _ in range(3)]
    later = await house.enters(None, SHOP)
    before = Before(later.session_position, spared.session_id, 0)
    await revoke_sessions_before(house.world.a.token, ALICE, before, "credential_changed", IDENTITY)
    await house.reacts()
    await house.visits()
    told = {(await read(house, token, "shop"))["sid"] for token in house.sites.tokens[SHOP_OUT]}
    assert told == {first.session_id, second.session_id}


async def test_what_token_itself_ends_tells_of_all_sessions_that_had_not_seen_it(house: House) -> None:
    one, two = await house.enters(None, SHOP), await house.enters(None, SHOP)
    await revoke_subject(house.world.a.token, ALICE, "a test", IDENTITY)
    after = await house.enters(None, SHOP)
    await house.reacts()
    await house.visits()
    told = {(await read(house, token, "shop"))["sid"] for token in house.sites.tokens[SHOP_OUT]}
    assert told == {one.session_id, two.session_id}
    assert after.session_id not in told


async def test_a_dead_client_holds_up_nobody_and_is_told_when_it_is_back(house: House) -> None:
    house.sites.answers[SHOP_OUT] = None
    who = await house.enters()
    await ends(house, who.session_id)
    await house.reacts()
    await house.visits()
    assert (len(house.sites.tokens[DIARY_OUT]), house.sites.tokens.get(SHOP_OUT)) == (1, None)
    house.sites.answers[SHOP_OUT] = 200
    # The process is gone, and its memory with it: another goes on from the log.
    await house.visits(house.another_courier())
    (token,) = house.sites.tokens[SHOP_OUT]
    assert (await read(house, token, "shop"))["sid"] == who.session_id
    assert len(house.sites.tokens[DIARY_OUT]) == 1, "nobody is told again"


async def test_a_slow_client_holds_up_neither_the_reaction_nor_others(house: House) -> None:
    house.sites.slow[SHOP_OUT] = asyncio.Event()
    who = await house.enters()
    await ends(house, who.session_id)
    await house.reacts()
    await house.table.follow()
    await house.courier.look()
    while DIARY_OUT not in house.sites.tokens:
        await asyncio.sleep(0)
    assert SHOP_OUT not in house.sites.tokens
    house.sites.slow[SHOP_OUT].set()
    await house.courier.settled()
    assert len(house.sites.tokens[SHOP_OUT]) == 1


@pytest.mark.parametrize("status", [400, 404, 500, 302])
async def test_what_is_no_success_is_tried_again(house: House, status: int) -> None:
    house.sites.answers[SHOP_OUT] = status
    who = await house.enters(None, SHOP)
    await ends(house, who.session_id)
    await house.reacts()
    await house.visits()
    house.sites.answers[SHOP_OUT] = 204
    await house.visits()
    first, second = house.sites.tokens[SHOP_OUT]
    assert (await read(house, first, "shop"))["jti"] != (await read(house, second, "shop"))["jti"]
    assert house.world.said()[-1] == "logout.told"


async def test_who_does_not_answer_for_a_day_is_given_up_and_the_log_says_so(house: House) -> None:
    house.sites.answers[SHOP_OUT] = None
    who = await house.enters(None, SHOP)
    await ends(house, who.session_id)
    await house.reacts()
    await house.visits()
    house.world.clock.forward(DAY / SECOND)
    await house.visits(house.another_courier())
    given_up = [event for _, event in house.world.events() if isinstance(event, LogoutGivenUp)]
    assert [(one.session_id, one.client_id, one.reason) for one in given_up] == [
        (who.session_id, "shop", "nobody answers")
    ]
    tried = len(house.sites.tried)
    await house.visits(house.another_courier())
    assert len(house.sites.tried) == tried


async def test_nobody_is_told_of_what_ended_yesterday(house: House) -> None:
    """A reaction that begins anew reads the whole log."""
    who = await house.enters()
    await ends(house, who.session_id)
    house.world.clock.forward(DAY / SECOND)
    before = house.world.head
    await house.reacts()
    assert house.world.said(before) == []


async def test_direct_login_takes_part_too(house: House) -> None:
    await house.world.register(msgspec.structs.replace(APP, id="front", backchannel_logout_uri=SHOP_OUT))
    await house.world.login(client_id="front", session_id="ses_direct")
    await ends(house, "ses_direct")
    await house.reacts()
    assert isinstance(house.world.events()[-1][1], LogoutBegun)


async def test_who_only_asked_and_never_got_a_code_is_not_told(house: House) -> None:
    who = await house.enters(None, DIARY)
    await Browser(house.world, SHOP).kept()
    await ends(house, who.session_id)
    await house.reacts()
    await house.visits()
    assert set(house.sites.tokens) == {DIARY_OUT}
