"""Keys that clients publish: remembered, looked for anew, and asked for no more often than a site can bear."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from chassis.web import oauth_form
from services.token.adapters.client_keys import (
    COOLDOWN,
    LIFE,
    LONGEST,
    MOST,
    OUTAGE,
    REMEMBERED,
    SHORTEST,
    PublishedKeys,
)
from services.token.api.client_auth import client_of
from services.token.domain.errors import InvalidClient
from services.token.ports import Fetched, NotFetched, Proving
from tests.unit.token.proving import Key, asked, asserted, asserts
from tests.unit.token.world import SERVICE, World

URL = "https://client.example/jwks"
ONE, TWO = Key(kid="one"), Key(kid="two")


@dataclass
class Site:
    """What is published, how often it was asked for, and how late it is."""

    keys: list[Any] = field(default_factory=lambda: [ONE.jwk])
    status: int = 200
    cache_control: str = ""
    body: bytes | None = None
    down: bool = False
    asked: int = 0
    time: float = 1000.0

    async def get(self, url: str) -> Fetched:
        self.asked += 1
        await asyncio.sleep(0)
        if self.down:
            raise NotFetched("it is down")
        return Fetched(self.status, self.cache_control, self.body or json.dumps({"keys": self.keys}).encode())

    async def post(self, url: str, form: Mapping[str, str]) -> Fetched:
        raise NotImplementedError

    def published(self) -> PublishedKeys:
        return PublishedKeys(self, lambda: self.time)


def named(kid: str) -> Any:
    return lambda jwk: jwk.get("kid") == kid


async def test_a_set_is_asked_for_once_however_many_want_a_key() -> None:
    site = Site()
    keys = site.published()
    found = await asyncio.gather(*(keys.find(URL, named("one")) for _ in range(50)))
    assert found == [ONE.jwk] * 50
    assert await keys.find(URL, named("one")) == ONE.jwk
    assert site.asked == 1


async def test_a_key_that_is_not_there_is_looked_for_but_not_again_and_again() -> None:
    site = Site()
    keys = site.published()
    await keys.find(URL, named("one"))
    site.keys = [ONE.jwk, TWO.jwk]
    for _ in range(50):
        assert await keys.find(URL, named("two")) is None
    assert site.asked == 1
    site.time += COOLDOWN
    assert await keys.find(URL, named("two")) == TWO.jwk
    assert site.asked == 2


async def test_a_key_that_was_taken_away_is_gone_with_the_life_of_the_set() -> None:
    site = Site()
    keys = site.published()
    await keys.find(URL, named("one"))
    site.keys = [TWO.jwk]
    site.time += LIFE
    assert await keys.find(URL, named("one")) is None


@pytest.mark.parametrize(
    ("cache_control", "life"),
    [
        ("", LIFE),
        ("max-age=60", 60),
        ("public, MAX-AGE=60", 60),
        ("max-age=0", SHORTEST),
        ("max-age=999999999", LONGEST),
    ],
)
async def test_the_site_says_how_long_its_set_is_good_within_bounds(cache_control: str, life: float) -> None:
    site = Site(cache_control=cache_control)
    keys = site.published()
    for seconds, times in ((0, 1), (life - 1, 1), (1, 2)):
        site.time += seconds
        await keys.find(URL, named("one"))
        assert site.asked == times


async def test_an_outage_keeps_the_old_set_for_a_day() -> None:
    site = Site()
    keys = site.published()
    await keys.find(URL, named("one"))
    site.down = True
    site.time += OUTAGE - 1
    assert await keys.find(URL, named("one")) == ONE.jwk
    site.time += 1
    with pytest.raises(NotFetched, match="down"):
        await keys.find(URL, named("one"))


async def test_a_site_that_fails_is_left_in_peace_for_a_while() -> None:
    site = Site(down=True)
    keys = site.published()
    for _ in range(50):
        with pytest.raises(NotFetched, match="down"):
            await keys.find(URL, named("one"))
    assert site.asked == 1
    site.down, site.time = False, site.time + COOLDOWN
    assert await keys.find(URL, named("one")) == ONE.jwk


@pytest.mark.parametrize("body", [b"x", b"[]", b"{}", b'{"keys": {}}', b'{"keys": [], "keys": []}', b"\xff"])
async def test_what_is_no_set_of_keys_is_none(body: bytes) -> None:
    with pytest.raises(NotFetched, match="not a set"):
        await Site(body=body).published().find(URL, named("one"))


@pytest.mark.parametrize("status", [204, 302, 404, 500])
async def test_only_200_is_an_answer(status: int) -> None:
    with pytest.raises(NotFetched, match="200"):
        await Site(status=status).published().find(URL, named("one"))


async def test_neither_one_set_nor_the_number_of_sites_is_without_bound() -> None:
    site = Site(keys=[7, *({"kid": str(number)} for number in range(MOST + 100))])
    keys = site.published()
    assert await keys.find(URL, named(str(MOST + 50))) is None
    for number in range(REMEMBERED + 100):
        await keys.find(f"{URL}/{number}", named("1"))
    assert len(keys._sites) == REMEMBERED


async def test_a_client_may_change_its_keys_where_it_publishes_them() -> None:
    site = Site()
    bank = msgspec.structs.replace(SERVICE, id="bank", token_endpoint_auth_method="private_key_jwt", jwks_uri=URL)
    world = await World.made(bank, proving=Proving(site.published()))

    async def prove(key: Key) -> str:
        request = asked(asserted(key.sign(asserts(world), kid=key.jwk["kid"])))
        return (await client_of(world.a.token, request, await oauth_form(request))).id

    assert await prove(ONE) == "bank"
    site.keys = [Key(kid="one").jwk]
    site.time += LIFE
    with pytest.raises(InvalidClient, match="signature"):
        await prove(ONE)
    site.keys = [TWO.jwk]
    site.time += COOLDOWN
    assert await prove(TWO) == "bank"


async def test_a_client_whose_keys_cannot_be_had_learns_why() -> None:
    bank = msgspec.structs.replace(SERVICE, id="bank", token_endpoint_auth_method="private_key_jwt", jwks_uri=URL)
    world = await World.made(bank, proving=Proving(Site(down=True).published()))
    request = asked(asserted(ONE.sign(asserts(world))))
    form = await oauth_form(request)
    with pytest.raises(InvalidClient, match="jwks_uri could not be read: it is down"):
        await client_of(world.a.token, request, form)
