"""Policy's REST door before a world in memory, with tokens of a small issuer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import msgspec

from chassis.auth import Bearers
from chassis.readiness import Readiness
from chassis.web import Share, application
from eventlog.projection import Put
from eventlog.projection.rows import Found
from services.policy.api.administrators import decided_here
from services.policy.api.askers import Askers
from services.policy.api.authzen import CONFIGURATION, AuthzenApi, with_request_id
from services.policy.api.rest import roles
from services.policy.api.rest_facts import FactsApi
from services.policy.api.tokens import Tokens
from services.policy.model import row_key
from services.policy.queries.listed import ListedFacts
from tests.unit.policy.world import World
from tests.unit.sdk.fakes import ISSUER, MICROSECONDS, NOW, PRIVATE_KEYS, SetClock, claims, sign
from watchword import ANY_AUDIENCE, AnyAudience, LogClock, StaticKeys, VerificationKey, Verifier

URL = "https://policy.example"
EVALUATE, SEARCH, ADMIN = "watchword:evaluate", "watchword:search", "watchword:admin"


@dataclass(frozen=True)
class FactTable:
    """The world's facts as a table has them."""

    world: World

    async def page(self, kind: str, sort: str | None, after: str, limit: int) -> Found:
        rows = [Put(kind, row_key(one), msgspec.to_builtins(one)) for one in self.world.memory.facts.every()]
        fit = [one for one in rows if one.key > after and sort in (None, one.value["kind"])]
        return Found(sorted(fit, key=lambda one: one.key)[:limit], self.world.policy.applied, frozenset())


@dataclass
class Door:
    """Of `world`. `bearers` are those of its issuer."""

    world: World
    bearers: Bearers = field(init=False)
    tokens: Tokens = field(init=False)
    client: httpx2.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        world = self.world
        self.bearers = bearers = Bearers(self._verifier(ISSUER), decided_here(world.decisions))
        self.tokens = Tokens(self._verifier(ANY_AUDIENCE))
        authzen = AuthzenApi(Askers(bearers), world.decisions, world.searches, self.tokens, URL)
        facts = FactsApi(bearers, world.commands, ListedFacts(FactTable(world)))
        rest = application(
            title="policy",
            readiness=Readiness(),
            origins=frozenset(),
            routers=[roles(bearers, world.decisions), facts.router()],
            hot=authzen.endpoints(),
            shares=[Share(frozenset({CONFIGURATION}))],
        )
        transport = httpx2.ASGITransport(with_request_id(rest), raise_app_exceptions=False)
        self.client = httpx2.AsyncClient(transport=transport, base_url="http://anywhere.example")

    def _verifier(self, audience: str | AnyAudience) -> Verifier:
        clock = LogClock(SetClock())
        clock.observe(NOW * MICROSECONDS)
        return Verifier(
            issuer=ISSUER,
            audience=audience,
            keys=StaticKeys([VerificationKey("ES256", "ES256", PRIVATE_KEYS["ES256"].public_key())]),
            revocations=self.world.memory.trust.revocations,
            age_ns=lambda: 0,
            clock=clock,
        )

    async def ask(self, path: str, body: Any, scope: str = f"{EVALUATE} {SEARCH}", **headers: str) -> httpx2.Response:
        """As a client that asks for itself."""
        headers.setdefault("Authorization", f"Bearer {own(scope)}")
        return await self.client.post(path, json=body, headers=headers)

    async def evaluate(self, body: Any) -> dict[str, Any]:
        answer = await self.ask("/access/v1/evaluation", body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


def own(scope: str, client: str = "pep", **changes: Any) -> str:
    """A client's own token: what client_credentials gives."""
    alone = {"sub": client, "client_id": client, "aud": ISSUER, "scope": scope, "sid": None, "spos": None, "fam": None}
    return sign(claims(**alone | changes))


def persons(account_id: str, scope: str = "orders:read", **changes: Any) -> str:
    """A person's token, for whatever audience."""
    return sign(claims(sub=account_id, scope=scope, **changes))


@asynccontextmanager
async def opened(world: World) -> AsyncIterator[Door]:
    """A door that is closed afterwards."""
    door = Door(world)
    async with door.client:
        yield door
