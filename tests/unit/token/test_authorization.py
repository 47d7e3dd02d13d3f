"""Authorization requests, from what a browser brings to a code or a refusal (RFC 6749 4.1, OIDC Core 3.1.2)."""

import asyncio

import jwt
import msgspec
import pytest

from services.token.commands.authorize import Asked, Destination, give_up
from services.token.commands.revoke import revoke_session, revoke_subject
from services.token.commands.standing import Overtaken
from services.token.domain import MINUTE
from services.token.domain.authorization import Login
from services.token.domain.errors import NoSuchAddress
from tests.unit.token.asking import browser, world
from tests.unit.token.authorizing import CALLBACK, CHALLENGE, OWN, PHONE, SHOP, Browser, error_of
from tests.unit.token.world import ALICE, IDENTITY, ISSUER, World

__all__ = ["browser", "world"]


Changes = dict[str, str | None]


async def test_a_good_request_is_kept_and_ends_with_a_code_that_names_its_issuer(browser: Browser) -> None:
    handle = await browser.kept()
    going = await browser.goes_on(handle, browser.alice())
    assert isinstance(going, Destination)
    assert (going.to.redirect_uri, going.to.response_mode) == (CALLBACK, "query")
    said = dict(going.parameters)
    assert said.keys() == {"code", "state", "iss"}
    assert (said["state"], said["iss"]) == ("af0ifjsldkj", ISSUER)
    assert browser.world.said()[-1] == "code.issued"
    assert said["code"] not in str(browser.world.events())
    assert said["code"] not in repr(going)
    assert handle not in str(browser.world.events())


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody"},
        {"redirect_uri": "https://shop.example/callback/"},
        {"redirect_uri": "https://shop.example/callback?x=1"},
        {"redirect_uri": "https://shop.example.evil/callback"},
        {"redirect_uri": "http://shop.example/callback"},
        {"redirect_uri": "https://SHOP.example/callback"},
        {"redirect_uri": None},
        {"client_id": "phone", "redirect_uri": "http://localhost/callback"},
        {"client_id": "phone", "redirect_uri": "http://127.0.0.1:80@evil.example/callback"},
        {"client_id": "phone", "redirect_uri": "http://127.0.0.1:99999/callback"},
        {"client_id": "phone", "redirect_uri": "http://[::1]:1234/callback"},
    ],
)
async def test_nothing_is_redirected_to_what_is_not_registered(browser: Browser, changes: Changes) -> None:
    with pytest.raises(NoSuchAddress):
        await browser.asks(None, **changes)


async def test_who_registered_itself_is_told_nothing_before_somebody_was_asked(world: World) -> None:
    """RFC 9700 4.11.2; but for what asks nobody anything."""
    guest = Browser(world, msgspec.structs.replace(SHOP, id="guest"))
    for wrong in ({"scope": "nonsense"}, {"response_type": "token"}, {"prompt": "none login"}):
        with pytest.raises(NoSuchAddress):
            await guest.asks(None, **wrong)
    assert error_of(await guest.asks(None, scope="nonsense", prompt="none")) == "invalid_scope"


async def test_who_registered_itself_learns_that_request_objects_are_signed_once_somebody_has_signed_in(
    world: World,
) -> None:
    """RFC 9700 4.11.2, OpenID Connect Core 3.1.2.6."""
    guest = Browser(world, msgspec.structs.replace(SHOP, id="guest"))
    handle = await guest.kept(request=jwt.encode({"state": "inside"}, "", "none"))
    assert isinstance(await guest.goes_on(handle, None), Login)
    going = await guest.goes_on(handle, guest.alice())
    assert error_of(going) == "request_not_supported"
    assert (going.to.redirect_uri, going.to.state) == (CALLBACK, "inside")


async def test_of_a_loopback_address_only_the_port_is_free(world: World) -> None:
    phone = Browser(world, PHONE)
    asked = await phone.asks(redirect_uri="http://127.0.0.1:49152/callback")
    assert isinstance(asked, Asked)
    assert asked.request.answering.redirect_uri == "http://127.0.0.1:49152/callback"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"request": "a.b.c"}, "invalid_request_object"),
        ({"request_uri": "https://app.example/r"}, "invalid_request_uri"),
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_mode": "web_message"}, "invalid_request"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": CHALLENGE[:-1]}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"scope": "unheard:of"}, "invalid_scope"),
        ({"dpop_jkt": "no thumbprint"}, "invalid_request"),
        ({"nonce": "n" * 1025}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "dance"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"claims": "{"}, "invalid_request"),
        ({"claims": '{"id_token": {"sub": {"value": 1}}}'}, "invalid_request"),
        ({"id_token_hint": "a.b.c"}, "invalid_request"),
        ({"client_id": "machine"}, "unauthorized_client"),
    ],
)
async def test_a_client_is_told_what_is_wrong_in_the_standards_words(
    browser: Browser, changes: Changes, error: str
) -> None:
    going = await browser.asks(None, **changes)
    assert error_of(going) == error
    assert isinstance(going, Destination)
    assert dict(going.parameters)["state"] == "af0ifjsldkj"
    assert dict(going.parameters)["iss"] == ISSUER


async def test_pkce_may_be_lifted_for_a_confidential_client_only(world: World) -> None:
    lax = msgspec.structs.replace(OWN, id="lax")
    assert await Browser(world, lax).kept(code_challenge=None, code_challenge_method=None)


async def test_a_resource_that_the_client_has_not_is_an_invalid_target(world: World) -> None:
    assert error_of(await Browser(world, resources=["https://elsewhere.example"]).asks()) == "invalid_target"


async def test_what_is_asked_for_and_not_known_is_passed_over(browser: Browser) -> None:
    asked = await browser.asks(scope="openid unheard:of email")
    assert isinstance(asked, Asked)
    assert asked.request.scopes == ("openid", "email")


async def test_who_does_not_want_to_sign_in_is_sent_back_once(browser: Browser) -> None:
    handle = await browser.kept()
    assert error_of(await give_up(browser.at.token, handle)) == "access_denied"
    with pytest.raises(NoSuchAddress):
        await browser.goes_on(handle, browser.alice())


async def test_a_request_is_answered_once_over_two_processes_at_once(world: World) -> None:
    browser, other = Browser(world), Browser(world, process=world.b)
    handle, who = await browser.kept(), browser.alice()
    going = await asyncio.gather(*(one.goes_on(handle, who) for one in (browser, other) * 4), return_exceptions=True)
    assert sum(isinstance(one, Destination) for one in going) == 1
    assert sum(isinstance(one, NoSuchAddress) for one in going) == 7
    assert world.said().count("code.issued") == 1


async def test_a_request_is_kept_for_ten_minutes(browser: Browser) -> None:
    handle = await browser.kept()
    browser.world.clock.time += 10 * MINUTE
    with pytest.raises(NoSuchAddress):
        await browser.goes_on(handle, browser.alice())


async def test_a_session_that_was_revoked_gets_no_code(browser: Browser) -> None:
    who, handle = browser.alice(), await browser.kept()
    await revoke_session(browser.world.b.token, who.session_id, "test", IDENTITY)
    assert await browser.goes_on(handle, who) == Login()


async def test_a_session_that_a_revocation_of_the_account_has_overtaken_starts_anew(browser: Browser) -> None:
    who, handle = browser.alice(), await browser.kept()
    position = await revoke_subject(browser.world.b.token, ALICE, "test", IDENTITY)
    assert await browser.goes_on(handle, who) == Overtaken(position)
    assert isinstance(await browser.goes_on(handle, browser.alice()), Destination)
