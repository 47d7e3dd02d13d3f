"""What is kept before anybody has decided: so much for a client that proves itself, and else for an address."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import msgspec
import pytest
from limits import parse
from limits.aio.storage import MemoryStorage

from chassis.limits import WindowLimits
from chassis.readiness import Readiness
from chassis.web import application
from services.token.api.device import Devices
from services.token.api.pushing import Pushing
from services.token.domain.device import GRANT_TYPE
from services.token.queries import OwnKeys
from tests.unit.token.authorizing import GOOD, PHONE, SHOP
from tests.unit.token.world import ISSUER, Process, World

CONFIDENTIAL, PUBLIC = 6, 4
BOTH = ("authorization_code", "refresh_token", GRANT_TYPE)
ONE, OTHER = (msgspec.structs.replace(SHOP, id=name, grant_types=BOTH) for name in ("one", "other"))
APP, APP_2 = (msgspec.structs.replace(PHONE, id=name, grant_types=BOTH) for name in ("app-1", "app-2"))
PUSHED = GOOD | {"redirect_uri": "http://127.0.0.1/callback"}


@dataclass
class Doors:
    """Both processes of token, which count together."""

    world: World
    counters: MemoryStorage = field(default_factory=MemoryStorage)

    @asynccontextmanager
    async def at(self, process: Process, address: str) -> AsyncIterator[httpx2.AsyncClient]:
        limits = {"requests": parse(f"{CONFIDENTIAL} per hour"), "public_requests": parse(f"{PUBLIC} per hour")}
        counting = WindowLimits(self.counters, limits)
        hot = [
            *Pushing(process.token, OwnKeys(process.token), counting).endpoints(),
            *Devices(process.token, f"{ISSUER}/device", counting).endpoints(),
        ]
        app = application(title="token", readiness=Readiness(), origins=frozenset(), routers=[], hot=hot)
        transport = httpx2.ASGITransport(app=app, client=(address, 1234))
        async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as http:
            yield http

    async def asks(self, client_id: str, path: str, times: int, address: str = "192.0.2.1") -> list[int]:
        """In turns on both processes."""
        secret = self.world.secrets.get(client_id, "")
        sent: dict[str, Any] = {"auth": (client_id, secret)} if secret else {}
        said = {"scope": "openid"} if path == "device_authorization" else GOOD if secret else PUSHED
        async with self.at(self.world.a, address) as a, self.at(self.world.b, address) as b:
            form = said if secret else said | {"client_id": client_id}
            answers = [await (a, b)[turn % 2].post(f"/oauth2/{path}", data=form, **sent) for turn in range(times)]
        for answer in answers:
            if answer.status_code == 429:
                assert answer.json()["error"] == "temporarily_unavailable"
                assert int(answer.headers["retry-after"]) >= 1
        return [answer.status_code for answer in answers]


@pytest.fixture
async def doors() -> Doors:
    return Doors(await World.made(ONE, OTHER, APP, APP_2, algs=("ES256", "RS256")))


@pytest.mark.parametrize(("path", "good"), [("par", 201), ("device_authorization", 200)])
async def test_a_client_that_proves_itself_has_so_many_from_wherever(doors: Doors, path: str, good: int) -> None:
    assert await doors.asks("one", path, CONFIDENTIAL - 1) == [good] * (CONFIDENTIAL - 1)
    assert await doors.asks("one", path, 3, "192.0.2.2") == [good, 429, 429]
    assert await doors.asks("other", path, 1) == [good], "another is not concerned"


@pytest.mark.parametrize(("path", "good"), [("par", 201), ("device_authorization", 200)])
async def test_nobody_locks_a_client_out_that_proves_nothing(doors: Doors, path: str, good: int) -> None:
    assert await doors.asks("app-1", path, PUBLIC + 1) == [good] * PUBLIC + [429]
    assert await doors.asks("app-2", path, 1) == [429], "the address is what counts"
    assert await doors.asks("app-1", path, 1, "192.0.2.2") == [good]
