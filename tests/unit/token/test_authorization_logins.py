"""Who has to sign in before an authorization request is answered, and whether anew (OIDC Core 3.1.2.1)."""

import jwt
import msgspec
import pytest

from services.token.commands.authorize import Asked, Destination
from services.token.domain import SECOND
from services.token.domain.authorization import ACR, Choose, Login
from services.token.domain.said import IdTokenHint
from tests.unit.token.asking import browser, world
from tests.unit.token.authorizing import OWN, SHOP, Browser, error_of
from tests.unit.token.world import ALICE, World

__all__ = ["browser", "world"]


async def test_without_a_session_somebody_has_to_sign_in(browser: Browser) -> None:
    handle = await browser.kept()
    assert await browser.goes_on(handle, None) == Login()
    assert isinstance(await browser.goes_on(handle, browser.alice()), Destination)


@pytest.mark.parametrize("signed_in", [False, True])
async def test_prompt_none_asks_nobody(world: World, signed_in: bool) -> None:
    shop = Browser(world, SHOP)
    going = await shop.goes_on(await shop.kept(prompt="none"), shop.alice() if signed_in else None)
    assert error_of(going) == ("consent_required" if signed_in else "login_required")


async def test_prompt_login_wants_a_login_since_the_request(browser: Browser) -> None:
    before = browser.alice()
    browser.world.clock.forward(1)
    handle = await browser.kept(prompt="login")
    assert await browser.goes_on(handle, before) == Login()
    browser.world.clock.forward(1)
    assert isinstance(await browser.goes_on(handle, browser.alice()), Destination)


async def test_max_age_wants_a_login_that_is_no_older(browser: Browser) -> None:
    who = browser.alice()
    browser.world.clock.forward(31)
    assert isinstance(await browser.goes_on(await browser.kept(max_age="31"), who), Destination)
    handle = await browser.kept(max_age="30")
    assert await browser.goes_on(handle, who) == Login()
    assert isinstance(await browser.goes_on(handle, browser.alice()), Destination)


async def test_a_client_may_say_once_and_for_all_how_old_a_login_may_be(world: World) -> None:
    strict = msgspec.structs.replace(OWN, id="strict", default_max_age=30, default_acr_values=("gold",))
    await world.register(strict)
    browser = Browser(world, strict)
    who = browser.alice(auth_time=world.clock.now() - 31 * SECOND)
    assert isinstance(await browser.goes_on(await browser.kept(), who), Login)
    assert isinstance(await browser.goes_on(await browser.kept(max_age="31"), who), Destination)


async def test_ways_to_sign_in_that_a_client_would_rather_have_are_no_condition(world: World) -> None:
    would = msgspec.structs.replace(OWN, id="would", default_acr_values=("gold",), require_auth_time=True)
    await world.register(would)
    answered = await Browser(world, would).redeem(await Browser(world, would).code())
    said = jwt.decode(answered.answer.id_token or "", options={"verify_signature": False})
    assert (said["acr"], said["auth_time"]) == (ACR, world.clock.now() // SECOND)


async def test_max_age_zero_is_a_new_login_and_no_circle(browser: Browser) -> None:
    who = browser.alice()
    browser.world.clock.forward(1)
    handle = await browser.kept(max_age="0")
    assert await browser.goes_on(handle, who) == Login()
    again = browser.alice()
    browser.world.clock.forward(2)
    assert isinstance(await browser.goes_on(handle, again), Destination)


async def test_select_account_shows_whose_session_it_is_once(browser: Browser) -> None:
    who = browser.alice()
    browser.world.clock.forward(1)
    handle = await browser.kept(prompt="select_account")
    assert await browser.goes_on(handle, who) == Choose()
    assert isinstance(await browser.goes_on(handle, msgspec.structs.replace(who, chosen=True)), Destination)


async def test_a_hint_says_whom_it_has_to_be(browser: Browser) -> None:
    hint = IdTokenHint("acc_bob", "own", "ses_9")
    asked = await browser.asks(hint, id_token_hint="a.b.c")
    assert isinstance(asked, Asked)
    assert await browser.goes_on(asked.handle, browser.alice()) == Login("acc_bob")
    assert isinstance(await browser.goes_on(asked.handle, browser.alice(subject="acc_bob")), Destination)


async def test_a_hint_for_another_client_is_none(browser: Browser) -> None:
    assert error_of(await browser.asks(IdTokenHint(ALICE, "shop", ""), id_token_hint="a.b.c")) == "invalid_request"


async def test_claims_may_name_whom_it_has_to_be_and_how_they_sign_in(browser: Browser) -> None:
    handle = await browser.kept(claims='{"id_token": {"sub": {"value": "acc_bob"}}}')
    assert await browser.goes_on(handle, browser.alice()) == Login("acc_bob")
    essential = '{"id_token": {"acr": {"essential": true, "values": ["urn:mace:incommon:iap:silver"]}}}'
    going = await browser.goes_on(await browser.kept(claims=essential), browser.alice())
    assert error_of(going) == "unmet_authentication_requirements"
