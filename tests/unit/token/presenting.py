"""Clients that present proofs (RFC 9449) at the token endpoint, without nonces."""

import msgspec
import pytest
from starlette.requests import Request

from eventlog.errors import Refusal
from services.token.domain.binding import Binding
from services.token.domain.client import Client
from services.token.ports import Proving
from tests.unit.token.proving import Key, asked, bound_by
from tests.unit.token.world import APP, SERVICE, Process, World

KEY, OTHER = Key(), Key()
BOUND = msgspec.structs.replace(SERVICE, id="bound", dpop_bound_access_tokens=True)
PUBLIC = msgspec.structs.replace(APP, id="public", first_party=False, direct_login=False, scopes=("a", "b"))
CONFIDENTIAL = msgspec.structs.replace(PUBLIC, id="confidential", confidential=True)
WITHOUT_NONCES = Proving(nonces=False)


@pytest.fixture
async def world() -> World:
    """Without nonces, of which tests of their own speak."""
    return await World.made(BOUND, PUBLIC, CONFIDENTIAL, proving=WITHOUT_NONCES)


def shown(*proofs: str, path: str = "/oauth2/token") -> Request:
    return asked({}, *(("DPoP", one) for one in proofs), path=path)


async def bound(world: World, *proofs: str, client: Client = SERVICE, process: Process | None = None) -> Binding:
    return await bound_by((process or world.a).token, shown(*proofs), client)


async def refused(world: World, *proofs: str, client: Client = SERVICE) -> str:
    with pytest.raises(Refusal) as refusal:
        await bound(world, *proofs, client=client)
    assert refusal.value.kind.http == 400
    return refusal.value.code
