"""ID tokens that come back as a hint (OpenID Connect Core 3.1.2.1): fresh or not, they say whom they are about."""

from collections.abc import AsyncIterator
from dataclasses import replace

import jwt
import pytest

from services.token.commands.keys import drop_by_command, keep_rings
from services.token.domain import DAY
from services.token.domain.keyring import signing_ring
from services.token.domain.said import IdTokenHint
from services.token.queries import OwnKeys, id_token_hint
from tests.unit.token.authorizing import OWN, Browser
from tests.unit.token.world import ALICE, IDENTITY, World

RS256 = signing_ring("RS256")


@pytest.fixture
async def world() -> World:
    return await World.made(OWN, algs=("ES256", "RS256"))


def kid_of(hint: str) -> str:
    kid: str = jwt.get_unverified_header(hint)["kid"]
    return kid


async def nobody(key_id: str) -> AsyncIterator[list[str]]:
    yield []


async def hinting(world: World) -> tuple[str, str]:
    """An ID token, and the session that it is of."""
    browser = Browser(world)
    who = browser.alice()
    answer = (await browser.redeem(await browser.code(who))).answer
    return answer.id_token or "", who.session_id


async def read(world: World, presented: str) -> IdTokenHint | None:
    return await id_token_hint(world.b.token, OwnKeys(world.b.token), presented)


async def test_a_hint_outlives_the_key_that_signed_it(world: World) -> None:
    hint, session_id = await hinting(world)
    await world.rotate(RS256)
    world.clock.time += DAY
    await keep_rings(world.a.token, IDENTITY)
    assert await OwnKeys(world.b.token).key(kid_of(hint)) is None
    assert await read(world, hint) == IdTokenHint(ALICE, "own", session_id)


async def test_a_hint_by_a_compromised_key_says_nothing_where_that_key_was_known_before(world: World) -> None:
    hint, _ = await hinting(world)
    keys = OwnKeys(world.b.token)
    assert await keys.key(kid_of(hint)) is not None
    await drop_by_command(world.a.token, kid_of(hint), nobody, IDENTITY)
    assert await id_token_hint(world.b.token, keys, hint) is None


async def test_no_other_token_is_a_hint(world: World) -> None:
    browser = Browser(world)
    answer = (await browser.redeem(await browser.code())).answer
    for presented in (answer.access_token, answer.refresh_token or "", "a.b.c", ""):
        assert await read(world, presented) is None
    elsewhere = replace(world.b.token, issuer="https://elsewhere.example")
    assert await id_token_hint(elsewhere, OwnKeys(elsewhere), answer.id_token or "") is None
