"""What people are asked for, and what is granted of it (OIDC Core 3.1.2.4)."""

import pytest

from services.token.commands.authorize import Destination
from services.token.domain.authorization import Consent, Decision
from tests.unit.token.asking import browser, world
from tests.unit.token.authorizing import SHOP, Browser, error_of
from tests.unit.token.world import World

__all__ = ["browser", "world"]

ALLOW = Decision(True, ("openid", "email"))


async def test_people_are_asked_once_for_what_a_client_wants(world: World) -> None:
    shop = Browser(world, SHOP)
    handle = await shop.kept()
    assert await shop.goes_on(handle, shop.alice()) == Consent(("openid", "email"), ())
    assert isinstance(await shop.goes_on(handle, shop.alice(), ALLOW), Destination)
    assert sorted(world.said()[-2:]) == ["code.issued", "grant.given"]
    again = Browser(world, SHOP, world.b)
    assert isinstance(await again.goes_on(await again.kept(), again.alice()), Destination)
    more = await again.kept(scope="openid email profile")
    assert await again.goes_on(more, again.alice()) == Consent(("profile",), ("openid", "email"))


async def test_prompt_consent_asks_again_also_for_the_operators_own(browser: Browser) -> None:
    handle = await browser.kept(prompt="consent")
    assert isinstance(await browser.goes_on(handle, browser.alice()), Consent)
    assert isinstance(await browser.goes_on(handle, browser.alice(), ALLOW), Destination)


async def test_never_more_is_granted_than_was_asked_for(world: World) -> None:
    shop = Browser(world, SHOP)
    wide = Decision(True, ("openid", "email", "profile", "orders:read", "watchword:admin"))
    answered = await shop.redeem(await shop.code(decision=wide))
    assert answered.answer.scope == "openid email"


async def test_to_ask_for_a_claim_by_name_is_to_ask_for_its_scope(world: World) -> None:
    """OpenID Connect Core 5.5: no application learns that way what people were not asked for."""
    shop, claims = Browser(world, SHOP), '{"userinfo": {"email": null, "nickname": null, "groups": null}}'
    handle = await shop.kept(scope="openid", claims=claims)
    assert await shop.goes_on(handle, shop.alice()) == Consent(("openid", "profile", "email"), ())
    some = await shop.goes_on(handle, shop.alice(), Decision(True, ("openid", "email")))
    answered = await shop.redeem(dict(some.parameters)["code"])
    assert answered.answer.scope == "openid"
    assert (await world.a.verified(answered.answer.access_token)).userinfo_claims == ("email",)
    again = await shop.kept(scope="openid", claims='{"userinfo": {"email": null}}')
    assert isinstance(await shop.goes_on(again, shop.alice()), Destination)


async def test_a_claim_of_a_scope_that_a_client_may_not_have_is_not_asked_for(world: World) -> None:
    shop = Browser(world, SHOP)
    handle = await shop.kept(scope="openid", claims='{"userinfo": {"phone_number": null}}')
    assert await shop.goes_on(handle, shop.alice()) == Consent(("openid",), ())


@pytest.mark.parametrize("decision", [Decision(False, ("openid",)), Decision(False)])
async def test_no_is_no(world: World, decision: Decision) -> None:
    shop = Browser(world, SHOP)
    assert error_of(await shop.goes_on(await shop.kept(), shop.alice(), decision)) == "access_denied"
    assert "grant.given" not in world.said()
