"""A browser that is sent to the authorization endpoint by clients of every kind."""

import msgspec
import pytest

from tests.unit.token.authorizing import OWN, PHONE, SHOP, Browser
from tests.unit.token.world import World


@pytest.fixture
async def world() -> World:
    unregistered = msgspec.structs.replace(SHOP, id="machine", grant_types=("client_credentials",))
    lax = msgspec.structs.replace(OWN, id="lax", require_pkce=False)
    own = {"scopes": ("openid", "email"), "audiences": (), "self_registered": True}
    guest = msgspec.structs.replace(SHOP, id="guest", **own)
    return await World.made(SHOP, OWN, PHONE, unregistered, lax, guest, algs=("ES256", "RS256"))


@pytest.fixture
def browser(world: World) -> Browser:
    return Browser(world)
