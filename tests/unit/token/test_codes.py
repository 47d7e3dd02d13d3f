"""Codes: good once, for a minute, for whoever asked and nobody else (RFC 6749 4.1.3, RFC 9700 4.5, 4.8)."""

import asyncio

import jwt
import msgspec
import pytest

from services.token.commands.issue import Answered
from services.token.commands.revoke import revoke_client, revoke_session, revoke_subject
from services.token.domain import MINUTE
from services.token.domain.authorization import Decision
from services.token.domain.errors import InvalidGrant, InvalidTarget, MayHaveWaited, Reused
from services.token.domain.keyring import REFRESH_RING
from services.token.domain.said import half_hash
from tests.unit.token.authorizing import OWN, SHOP, VERIFIER, Browser
from tests.unit.token.world import ALICE, GONE, IDENTITY, ISSUER, World, refused
from watchword.errors import TokenRefused

LAX = msgspec.structs.replace(OWN, id="lax", require_pkce=False)
OFFLINE = Decision(True, ("openid", "offline_access"))


@pytest.fixture
async def world() -> World:
    return await World.made(SHOP, OWN, LAX, algs=("ES256", "RS256"))


@pytest.fixture
def browser(world: World) -> Browser:
    return Browser(world)


async def unredeemed(browser: Browser, code: str, **how: object) -> list[str]:
    """What the log gained by a code that was refused."""
    before = browser.world.head
    with pytest.raises(InvalidGrant) as refusal:
        await browser.redeem(code, **how)  # type: ignore[arg-type]
    assert refusal.value.code == "invalid_grant"
    return browser.world.said(before)


async def test_a_code_gives_tokens_whose_session_client_and_scope_are_those_of_the_request(browser: Browser) -> None:
    who = browser.alice()
    answer = (await browser.redeem(await browser.code(who))).answer
    claims = await browser.world.b.verified(answer.access_token)
    assert (claims.sub, claims.client_id, claims.sid, claims.spos) == (ALICE, "own", who.session_id, 100)
    assert claims.scope == {"openid", "email"}
    assert claims.fam
    assert answer.refresh_token
    assert sorted(browser.world.said()[-3:]) == ["code.redeemed", "family.started", "token.issued"]
    assert repr(answer).count(".") < 3


async def test_the_id_token_says_who_signed_in_when_and_for_what_request(browser: Browser) -> None:
    who = browser.alice()
    answer = (await browser.redeem(await browser.code(who))).answer
    assert answer.id_token is not None
    assert jwt.get_unverified_header(answer.id_token).items() >= {"alg": "RS256", "typ": "JWT"}.items()
    said = jwt.decode(answer.id_token, options={"verify_signature": False})
    seconds = who.auth_time // 1_000_000
    assert said.items() >= {"iss": ISSUER, "sub": ALICE, "aud": "own", "nonce": "n-0S6_WzA2Mj"}.items()
    assert said.items() >= {"auth_time": seconds, "sid": who.session_id, "acr": who.acr}.items()
    assert said["at_hash"] == half_hash(answer.access_token, "RS256")
    assert said["exp"] - said["iat"] == 600
    assert not said.keys() & {"email", "preferred_username", "name"}


async def test_an_id_token_is_no_access_token(browser: Browser) -> None:
    answer = (await browser.redeem(await browser.code())).answer
    with pytest.raises(TokenRefused) as refusal:
        await browser.world.a.verified(answer.id_token or "")
    assert refusal.value.code == "wrong_type"


async def test_without_openid_there_is_no_id_token(browser: Browser) -> None:
    answer = (await browser.redeem(await browser.code(scope="orders:read"))).answer
    assert answer.id_token is None
    assert (await browser.world.a.verified(answer.access_token)).aud == ("https://orders.example",)


async def test_a_code_is_redeemed_once_and_its_reuse_ends_what_it_gave(world: World) -> None:
    browser, thief = Browser(world), Browser(world, process=world.b)
    code = await browser.code()
    given = await browser.redeem(code)
    before = world.head
    with pytest.raises(Reused):
        await thief.redeem(code)
    assert world.said(before) == ["code.reuse_detected", "family.revoked"]
    with pytest.raises(TokenRefused):
        await world.a.verified(given.answer.access_token)
    assert await refused(world, given.answer.refresh_token or "", client=OWN) == []
    with pytest.raises(Reused):
        await thief.redeem(code)
    assert world.said(before).count("family.revoked") == 1


async def test_a_code_is_given_to_nobody_who_has_hung_up_and_stays_good(world: World) -> None:
    browser = Browser(world)
    code, before = await browser.code(), world.head
    with pytest.raises(MayHaveWaited):
        await browser.redeem(code, awaited=GONE)
    assert world.head == before
    await browser.redeem(code)


async def test_a_code_that_came_late_while_its_client_had_it_redeemed_elsewhere_ends_nothing(world: World) -> None:
    browser, late = Browser(world), Browser(world, process=world.b)
    code = await browser.code()
    given, before = await browser.redeem(code), world.head
    with pytest.raises(MayHaveWaited):
        await late.redeem(code, awaited=GONE)
    world.b.ready_since = world.clock.now()
    with pytest.raises(MayHaveWaited):
        await late.redeem(code)
    assert world.head == before
    await world.refresh(given.answer.refresh_token or "", client=OWN)
    world.clock.forward(2)
    with pytest.raises(Reused):
        await late.redeem(code)


async def test_of_many_at_once_one_is_given_tokens(world: World) -> None:
    browsers = Browser(world), Browser(world, process=world.b)
    code = await browsers[0].code()
    answers = await asyncio.gather(*(one.redeem(code) for one in browsers * 4), return_exceptions=True)
    assert sum(isinstance(one, Answered) for one in answers) == 1
    assert world.said().count("family.started") == 1


@pytest.mark.parametrize(
    "how",
    [
        {"verifier": None},
        {"verifier": VERIFIER[:-1] + "A"},
        {"verifier": "short"},
        {"redirect_uri": "https://shop.example/other"},
        {"client": SHOP},
    ],
)
async def test_a_code_is_bound_to_its_client_its_address_and_its_challenge(
    browser: Browser, how: dict[str, object]
) -> None:
    code = await browser.code()
    assert await unredeemed(browser, code, **how) == []
    assert isinstance(await browser.redeem(code), Answered)


async def test_a_verifier_without_a_challenge_is_refused(world: World) -> None:
    lax = Browser(world, LAX)
    code = await lax.code(code_challenge=None, code_challenge_method=None)
    assert await unredeemed(lax, code) == []
    assert await unredeemed(lax, code, verifier=None, redirect_uri=None) == []
    assert isinstance(await lax.redeem(code, verifier=None), Answered)


async def test_a_code_lives_for_a_minute(browser: Browser) -> None:
    code = await browser.code()
    browser.world.clock.time += MINUTE
    assert await unredeemed(browser, code) == []


@pytest.mark.parametrize("spoil", [lambda code: code[:-1] + ("A" if code[-1] != "A" else "B"), lambda code: f"{code}="])
async def test_a_forged_code_changes_nothing(browser: Browser, spoil: object) -> None:
    assert callable(spoil)
    code = await browser.code()
    assert await unredeemed(browser, spoil(code)) == []
    assert isinstance(await browser.redeem(code), Answered)


async def test_a_code_whose_key_was_dropped_is_worth_nothing(browser: Browser) -> None:
    code = await browser.code()
    await browser.world.rotate(REFRESH_RING, compromised=True)
    assert await unredeemed(browser, code) == []


async def test_what_ended_the_session_or_the_client_since_ends_the_code(world: World) -> None:
    browser = Browser(world)
    who = browser.alice()
    code = await browser.code(who)
    await revoke_session(world.b.token, who.session_id, "test", IDENTITY)
    assert await unredeemed(browser, code) == []
    code = await browser.code()
    await revoke_subject(world.b.token, ALICE, "test", IDENTITY)
    assert await unredeemed(browser, code) == []
    code = await browser.code()
    await revoke_client(world.b.token, "own", "test", IDENTITY)
    assert await unredeemed(browser, code) == []


async def test_resources_may_be_narrowed_and_never_widened(world: World) -> None:
    both = ["https://orders.example", "https://stock.example"]
    browser = Browser(world, resources=both)
    given = await browser.redeem(await browser.code(scope="orders:read"), resources=(both[1],))
    assert (await world.a.verified(given.answer.access_token)).aud == (both[1],)
    with pytest.raises(InvalidTarget):
        await browser.redeem(await browser.code(scope="orders:read"), resources=(ISSUER,))


async def test_offline_access_outlives_the_session_and_ends_with_the_account_s(world: World) -> None:
    browser = Browser(world)
    who = browser.alice()
    given = await browser.redeem(await browser.code(who, OFFLINE, scope="openid offline_access", prompt="consent"))
    claims = await world.a.verified(given.answer.access_token)
    assert claims.sid is None
    await revoke_session(world.b.token, who.session_id, "logout", IDENTITY)
    assert (await world.a.verified(given.answer.access_token)).sub == ALICE
    refreshed = await world.refresh(given.answer.refresh_token or "", client=OWN)
    again = jwt.decode(refreshed.answer.id_token or "", options={"verify_signature": False})
    assert again["sid"] == who.session_id, "clients keep the newest ID token, and sign out with it"
    await revoke_subject(world.b.token, ALICE, "test", IDENTITY)
    assert await refused(world, refreshed.answer.refresh_token or "", client=OWN) == []


async def test_without_offline_access_all_ends_with_the_session(world: World) -> None:
    browser = Browser(world)
    who = browser.alice()
    given = await browser.redeem(await browser.code(who))
    await revoke_session(world.b.token, who.session_id, "logout", IDENTITY)
    assert await refused(world, given.answer.refresh_token or "", client=OWN) == []
    with pytest.raises(TokenRefused):
        await world.a.verified(given.answer.access_token)
