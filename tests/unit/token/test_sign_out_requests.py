"""Requests to sign out (OpenID Connect RP-Initiated Logout 1.0, 2, 3): what they may say, and where they may lead."""

import msgspec
import pytest

from services.token.commands.logout import LogoutAsked, judge_logout
from services.token.domain.errors import NoSuchAddress
from services.token.domain.said import IdTokenHint
from tests.unit.token.authorizing import OWN, saying
from tests.unit.token.world import ALICE, World

OUT, NATIVE = "https://shop.example/out", "http://127.0.0.1/out"
LEAVING = msgspec.structs.replace(OWN, id="leaving", name="Leaving", post_logout_redirect_uris=(OUT, NATIVE))
HINT = IdTokenHint(ALICE, "leaving", "ses_1")


@pytest.fixture
async def world() -> World:
    return await World.made(OWN, LEAVING)


async def judged(world: World, hint: IdTokenHint | None = None, **asked: str) -> LogoutAsked:
    return await judge_logout(world.a.token, asked, saying(hint))


async def test_whoever_asks_for_nothing_is_nobody_in_particular(world: World) -> None:
    assert await judged(world) == LogoutAsked()
    assert (await judged(world, ui_locales="de en")).ui_locales == ("de", "en")


async def test_a_hint_says_whose_session_and_which_application(world: World) -> None:
    asked = await judged(world, HINT, id_token_hint="a.b.c", post_logout_redirect_uri=OUT, state="s")
    assert asked == LogoutAsked("leaving", "Leaving", "ses_1", ALICE, OUT, "s")


async def test_without_a_hint_client_id_says_which_application_and_no_session(world: World) -> None:
    asked = await judged(world, client_id="leaving", post_logout_redirect_uri=OUT)
    assert asked == LogoutAsked("leaving", "Leaving", post_logout_redirect_uri=OUT)


async def test_state_comes_back_nowhere_where_there_is_no_address(world: World) -> None:
    assert (await judged(world, client_id="leaving", state="s")).state == ""


async def test_of_a_loopback_address_the_port_is_free(world: World) -> None:
    uri = "http://127.0.0.1:49152/out"
    asked = await judged(world, client_id="leaving", post_logout_redirect_uri=uri)
    assert asked.post_logout_redirect_uri == uri


@pytest.mark.parametrize(
    ("hint", "asked"),
    [
        pytest.param(None, {"id_token_hint": "a.b.c"}, id="a hint that is none"),
        pytest.param(HINT, {"id_token_hint": "a.b.c", "client_id": "own"}, id="two clients"),
        pytest.param(None, {"client_id": "nobody"}, id="no client"),
        pytest.param(None, {"post_logout_redirect_uri": OUT}, id="an address of nobody's"),
        pytest.param(None, {"client_id": "own", "post_logout_redirect_uri": OUT}, id="another client's address"),
        pytest.param(None, {"client_id": "leaving", "post_logout_redirect_uri": f"{OUT}/"}, id="a little else"),
        pytest.param(None, {"client_id": "leaving", "post_logout_redirect_uri": OWN.redirect_uris[0]}, id="to sign in"),
    ],
)
async def test_nothing_is_signed_out_for_what_does_not_agree(
    world: World, hint: IdTokenHint | None, asked: dict[str, str]
) -> None:
    with pytest.raises(NoSuchAddress):
        await judged(world, hint, **asked)
