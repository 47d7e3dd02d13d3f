"""A process that lets clients register themselves, and what they say to it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest_asyncio
from limits import parse
from limits.aio.storage import MemoryStorage

from chassis.limits import WindowLimits
from chassis.readiness import Readiness
from chassis.web import application
from services.token.api.registration import LIMIT, Registering, RegistrationApi
from services.token.domain.errors import InvalidClientMetadata
from tests.unit.token.test_oauth import following
from tests.unit.token.world import ISSUER, Process, World

SHOP = {"client_name": "The shop", "redirect_uris": ["https://shop.example/callback"]}
KEYS = {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}


@dataclass
class Door:
    """One process that lets clients register themselves; `following` is what it learns of revocations by."""

    world: World
    http: httpx2.AsyncClient
    following: asyncio.Future[None]
    sectors: dict[str, Any]

    async def ask(
        self, method: str, path: str = "/oauth2/register", body: Any = None, bearer: str | None = None
    ) -> httpx2.Response:
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        return await self.http.request(method, path.removeprefix(ISSUER), json=body, headers=headers)

    async def registered(self, **said: Any) -> dict[str, Any]:
        answer = await self.ask("POST", body=SHOP | said)
        assert answer.status_code == 201, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def refused(self, body: Any, status: int = 400, **how: Any) -> str:
        before = self.world.head
        answer = await self.ask("POST", body=body, **how)
        assert (answer.status_code, self.world.head) == (status, before), answer.text
        error: str = answer.json()["error"]
        return error


async def opened(world: World, initial: str = "", limit: str = "100 per hour", process: Process | None = None) -> Door:
    where = process or world.a
    sectors: dict[str, Any] = {}

    async def sector(url: str) -> Any:
        if url not in sectors:
            raise InvalidClientMetadata("sector_identifier_uri: nothing is there")
        return sectors[url]

    revoking, trust = following(where)
    limits = WindowLimits(MemoryStorage(), {LIMIT: parse(limit)})
    api = RegistrationApi(where.token, Registering(initial, limits), sector, revoking)
    app = application(title="token", readiness=Readiness(), origins=frozenset(), routers=[api.router()])
    transport = httpx2.ASGITransport(app=app, client=("192.0.2.7", 1234))
    http = httpx2.AsyncClient(transport=transport, base_url=ISSUER)
    return Door(world, http, asyncio.ensure_future(trust.run()), sectors)


async def closed(*doors: Door) -> None:
    for door in doors:
        door.following.cancel()
        await asyncio.gather(door.following, return_exceptions=True)
        await door.http.aclose()


@pytest_asyncio.fixture
async def door() -> AsyncIterator[Door]:
    made = await opened(await World.made())
    yield made
    await closed(made)
