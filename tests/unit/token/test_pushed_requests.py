"""Requests that are pushed ahead of the browser (RFC 9126), and keys that codes are bound to (RFC 9449 10)."""

import msgspec
import pytest

from services.token.commands.authorize import Asked, Destination
from services.token.commands.push import LIFE, push
from services.token.domain.binding import Binding
from services.token.domain.client import Client
from services.token.domain.errors import AuthorizationRefused, InvalidGrant, InvalidRequest, NoSuchAddress
from tests.unit.token.authorizing import GOOD, OWN, SHOP, Browser, error_of, saying
from tests.unit.token.world import World

PUSHER = msgspec.structs.replace(OWN, id="pusher", require_pushed_authorization_requests=True)
ALONE: dict[str, str | None] = dict.fromkeys(GOOD)


@pytest.fixture
async def world() -> World:
    return await World.made(OWN, SHOP, PUSHER, algs=("ES256", "RS256"))


async def pushed(world: World, client: Client = OWN, jkt: str = "", **changes: str) -> str:
    """The request_uri of a good request, but for what a test changes."""
    made = await push(world.b.token, client, GOOD | {"client_id": client.id} | changes, [], saying(None), jkt)
    assert made.expires_in == LIFE // 1_000_000
    assert made.request_uri not in repr(made)
    return made.request_uri


async def test_the_browser_brings_an_address_that_only_this_client_can_use(world: World) -> None:
    """What stands beside it changes nothing."""
    uri = await pushed(world, state="pushed")
    going = await Browser(world).asks(None, **ALONE | {"scope": "openid profile", "request_uri": uri})
    assert isinstance(going, Asked)
    assert going.request.scopes == ("openid", "email")
    assert error_of(await Browser(world, PUSHER).asks(None, **ALONE, request_uri=uri)) == "invalid_request_uri"


async def test_it_is_used_up_when_its_code_is_given_and_not_when_a_page_is_shown(world: World) -> None:
    browser, other = Browser(world), Browser(world, process=world.b)
    uri = await pushed(world)
    handles = [await one.kept(**ALONE, request_uri=uri) for one in (browser, other)]
    assert isinstance(await browser.goes_on(handles[0], browser.alice()), Destination)
    with pytest.raises(NoSuchAddress):
        await other.goes_on(handles[1], other.alice())
    assert error_of(await browser.asks(None, **ALONE, request_uri=uri)) == "invalid_request_uri"


async def test_it_is_kept_for_a_short_while(world: World) -> None:
    uri = await pushed(world)
    world.clock.time += LIFE
    assert error_of(await Browser(world).asks(None, **ALONE, request_uri=uri)) == "invalid_request_uri"


async def test_what_is_wrong_with_it_is_told_when_it_is_pushed(world: World) -> None:
    with pytest.raises(AuthorizationRefused):
        await pushed(world, code_challenge_method="plain")
    with pytest.raises(NoSuchAddress):
        await pushed(world, redirect_uri="https://elsewhere.example/")
    with pytest.raises(InvalidRequest):
        await pushed(world, request_uri="urn:ietf:params:oauth:request_uri:x")


async def test_a_client_that_pushes_is_taken_no_other_request_from(world: World) -> None:
    assert error_of(await Browser(world, PUSHER).asks()) == "invalid_request"
    browser = Browser(world, PUSHER)
    assert isinstance(await browser.asks(None, **ALONE, request_uri=await pushed(world, PUSHER)), Asked)


async def test_login_is_asked_for_since_the_browser_came(world: World) -> None:
    browser, uri = Browser(world), await pushed(world, prompt="login")
    world.clock.forward(1)
    who = browser.alice()
    world.clock.forward(1)
    going = await browser.goes_on(await browser.kept(**ALONE, request_uri=uri), who)
    assert not isinstance(going, Destination)


async def test_the_key_that_was_proven_is_the_one_that_redeems(world: World) -> None:
    browser = Browser(world)
    code = await browser.code(None, None, **ALONE, request_uri=await pushed(world, jkt="key-of-the-client"))
    for wrong in (Binding(), Binding("another-key")):
        with pytest.raises(InvalidGrant):
            await browser.redeem(code, binding=wrong)
    assert (await browser.redeem(code, binding=Binding("key-of-the-client"))).answer.token_type == "DPoP"
    with pytest.raises(InvalidRequest):
        await pushed(world, jkt="o" * 43, dpop_jkt="a" * 43)
