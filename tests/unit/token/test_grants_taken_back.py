"""What a person let an application have is theirs to take back, with all that it was given."""

import pytest

from eventlog.log import Attempt
from services.token.commands.grants import revoke_grant
from services.token.domain.authorization import Decision
from services.token.domain.errors import InvalidGrant, Unknown
from services.token.domain.events import GrantRevoked
from services.token.domain.grant import GRANT, grant_key
from tests.unit.token.authorizing import SHOP, Browser
from tests.unit.token.leaving import House
from tests.unit.token.world import ALICE, IDENTITY, World, refresh_of
from watchword.errors import TokenRefused

ALL = Decision(True, ("openid", "email", "offline_access"))
WANTED = "openid email offline_access"


@pytest.fixture
async def house() -> House:
    return House(await World.made(SHOP, algs=("ES256", "RS256")))


async def take_back(house: House) -> int:
    return await revoke_grant(house.world.a.token, house.involved, ALICE, "shop", "taken_back", IDENTITY)


async def test_it_ends_refresh_tokens_access_tokens_and_codes(house: House) -> None:
    browser = Browser(house.world, SHOP)
    tokens = await browser.redeem(await browser.code(decision=ALL, scope=WANTED, prompt="consent"))
    of_session = await browser.redeem(await browser.code(decision=ALL))
    code = await browser.code(decision=ALL)
    for one in (tokens, of_session):
        await house.world.b.verified(one.answer.access_token)
    await take_back(house)
    for one in (tokens, of_session):
        with pytest.raises(TokenRefused):
            await house.world.b.verified(one.answer.access_token)
        with pytest.raises(InvalidGrant):
            await house.world.refresh(refresh_of(one), house.world.b, SHOP)
    with pytest.raises(InvalidGrant):
        await browser.redeem(code)
    assert house.world.said().count("family.revoked") == 2


async def test_others_keep_what_they_have_and_it_may_be_given_anew(house: House) -> None:
    await house.world.login()
    own = refresh_of(await house.world.login())
    browser = Browser(house.world, SHOP)
    await browser.redeem(await browser.code(decision=ALL))
    await take_back(house)
    await house.world.refresh(own)
    again = await browser.redeem(await browser.code(decision=ALL))
    house.reacted = 0
    await house.reacts()  # late: it ends what was given before, and nothing else
    await house.world.b.verified(again.answer.access_token)


async def test_once_more_changes_nothing_but_ends_what_was_left(house: House) -> None:
    browser = Browser(house.world, SHOP)
    await browser.redeem(await browser.code(decision=ALL))
    first = await take_back(house)
    before = house.world.head
    assert await take_back(house) <= first
    assert house.world.said(before) == []
    with pytest.raises(Unknown):
        await revoke_grant(house.world.a.token, house.involved, "acc_bob", "shop", "taken_back", IDENTITY)


async def only_the_grant(attempt: Attempt) -> None:
    event = GrantRevoked(subject=ALICE, client_id="shop", reason="taken_back")
    await attempt.write(GRANT, grant_key(ALICE, "shop"), event)


async def test_the_end_of_a_grant_refuses_its_refresh_tokens_before_their_families_are_ended(house: House) -> None:
    browser = Browser(house.world, SHOP)
    offline = await browser.redeem(await browser.code(decision=ALL, scope=WANTED, prompt="consent"))
    of_session = await browser.redeem(await browser.code(decision=ALL))
    await house.world.a.token.log.decide(IDENTITY, only_the_grant)
    before = house.world.head
    for one in (offline, of_session):
        with pytest.raises(InvalidGrant):
            await house.world.refresh(refresh_of(one), house.world.b, SHOP)
    assert house.world.said(before) == []


async def test_a_process_that_died_in_between_is_finished_by_reaction(house: House) -> None:
    browser = Browser(house.world, SHOP)
    tokens = await browser.redeem(await browser.code(decision=ALL))
    house.reacted = house.world.head
    await house.world.a.token.log.decide(IDENTITY, only_the_grant)
    await house.reacts(times=2)
    with pytest.raises(TokenRefused):
        await house.world.b.verified(tokens.answer.access_token)
    assert house.world.said().count("family.revoked") == 1
