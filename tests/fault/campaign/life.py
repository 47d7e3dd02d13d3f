"""One life of a token process without its doors: real log, writer, vault, tables and relay, on a real PostgreSQL and
Kafka. It is told what to do and where to die, and says what it was answered before it goes on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

import asyncpg
import jwt
import msgspec

from chassis.clock import LogTime
from chassis.kept import MemoryKept
from eventlog.errors import Kind, Refusal
from eventlog.feed import LocalFeed
from eventlog.log import By, Log
from eventlog.postgres import PostgresSealKeys, PostgresStore
from eventlog.projection import Rows, TableProjection
from eventlog.projection.parked import Parked
from eventlog.readers import PostgresReaders
from eventlog.relay.relay import Relay
from eventlog.sealing import Sealer, Wrapping
from services.token.adapters.vault import EncryptedVault, PostgresWrappedKeys
from services.token.commands import keys
from services.token.commands.awaited import asked_now
from services.token.commands.clients import register_client
from services.token.commands.issue import Answered, NewFamily, start_family
from services.token.commands.refresh import refresh
from services.token.commands.revoke import revoke_family
from services.token.domain.client import Client
from services.token.domain.events import events
from services.token.domain.keyring import REFRESH_RING, signing_ring
from services.token.ports import Token
from services.token.projections import CLIENTS, FAMILIES, TRUST
from services.token.queries import FamiliesByKey
from watchword.kafka import Kafka

ISSUER = "https://id.example"
APP = Client(
    id="app",
    confidential=False,
    grant_types=("refresh_token",),
    scopes=("watchword:account",),
    first_party=True,
    direct_login=True,
)
BY = By("test/campaign", "campaign")
TABLES = (TRUST, CLIENTS, FAMILIES)
PATIENCE = 60.0
LAST = 600.0
"""Seconds for the last life, which has to end what all the others left."""
REQUESTS = 3
"""Connections for requests: opening one costs as much as a dozen refreshes."""
RINGS = (REFRESH_RING, signing_ring("ES256"), signing_ring("EdDSA"))


class Held(msgspec.Struct, frozen=True):
    """What a client holds: the family and the last refresh token that it was given."""

    family: str
    refresh_token: str


class Order(msgspec.Struct, frozen=True):
    """What one life does. It dies at the `passes`-th pass of `point`, or `after_ms` from now; with neither it ends when
    its work is done."""

    dsn: str
    servers: str
    seed: int
    number: int
    work: Literal["make", "live", "settle"] = "live"
    point: str = ""
    passes: int = 1
    after_ms: float = 0.0
    tables: bool = False
    relay: bool = False
    rotate: Literal["", "rotate", "lose", "compromise"] = ""
    held: tuple[Held, ...] = ()


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of what a life says. `what` is asks, answered, refused, failed, died or missed."""

    what: str
    about: str = ""
    family: str = ""
    refresh_token: str = ""
    event: str = ""
    id: str = ""
    position: int = 0
    status: int = 0


@dataclass(frozen=True)
class Life:
    """The parts of a token process that work on the log."""

    order: Order
    token: Token
    pool: asyncpg.Pool
    store: PostgresStore
    chance: Random
    say: Callable[[Said], None]

    async def live(self) -> None:
        """Everything at once, as requests come."""
        await asyncio.gather(*(self._customer(held, Random(self.chance.random())) for held in self.order.held))
        jobs: list[Awaitable[None]] = [self._newcomer(number) for number in range(2)]
        if self.order.rotate:
            jobs += [self._rotates(self.order.rotate), self._newcomer(2)]
        if self.order.held and self.chance.random() < 0.2:
            jobs.append(self._leaves(self.order.held[0].family))
        await asyncio.gather(*map(self._or_waits, jobs))

    async def make(self) -> None:
        """What every later life finds."""
        await keys.ensure_keys(self.token, BY)
        await register_client(self.token, APP, BY)

    async def settle(self) -> None:
        """Everybody goes on once more, within the leeway of a process that has just become ready; and then what the
        clock of a token process does, which after a long campaign takes longer than that.
        """
        for held in self.order.held:
            await self._refreshes(held)
        while not await self._ends_families():
            await asyncio.sleep(0.5)
        await keys.keep_rings(self.token, BY)

    async def _ends_families(self) -> bool:
        """Whether all are ended that a dropped key derived: the table, which names them, may lag behind."""
        try:
            await keys.end_families_of_dropped_keys(self.token, self.families_of, BY)
        except Refusal as refusal:
            if refusal.kind is not Kind.UNAVAILABLE:
                raise
            return False
        return True

    @property
    def families_of(self) -> keys.FamiliesOf:
        return FamiliesByKey(self.token, Rows(self.pool, FAMILIES.name))

    async def _customer(self, held: Held, chance: Random) -> None:
        now: Held | None = held
        for _ in range(chance.randint(1, 4)):
            if now is None:
                return
            before, now = now, await self._refreshes(now)
            if now is not None and chance.random() < 0.3:
                await self._loses_the_answer(before, now)

    async def _or_waits(self, job: Awaitable[None]) -> None:
        """Who is told that the log does not answer in time has been told nothing, and loses nothing."""
        try:
            await job
        except Refusal as refusal:
            if refusal.kind is not Kind.UNAVAILABLE:
                raise

    async def _refreshes(self, held: Held) -> Held | None:
        try:
            answered = await refresh(self.token, APP, held.refresh_token, None, [], BY, asked_now())
        except Refusal as refusal:
            if refusal.kind is Kind.UNAVAILABLE:
                return None
            self.say(Said("refused", refusal.code, held.family, held.refresh_token))
            return None
        return self._told(answered, held.family, "")

    async def _loses_the_answer(self, before: Held, now: Held) -> None:
        """Asks with the parent once more: the same successor is what it gets."""
        try:
            again = await refresh(self.token, APP, before.refresh_token, None, [], BY, asked_now())
        except Refusal as refusal:
            if refusal.kind is Kind.UNAVAILABLE:
                return
            self.say(Said("refused", f"retry: {refusal.code}", now.family, now.refresh_token))
            return
        if again.answer.refresh_token != now.refresh_token:
            self.say(Said("failed", f"another successor in {now.family}"))
        self._told(again, now.family, "refresh.retried")

    async def _newcomer(self, number: int) -> None:
        session = f"ses_{self.order.number}_{number}"
        head = (await self.store.head()).position
        new = NewFamily(
            "app", f"acc_{self.order.number}", session, head + 1, head, self.token.log.now(), "pw", ("pwd",)
        )
        started = await start_family(self.token, new, BY)
        assert isinstance(started, Answered)
        self._told(started, "", "token.issued")

    async def _leaves(self, family: str) -> None:
        self.say(Said("asks", "end", family))
        position = await revoke_family(self.token, family, "left", BY)
        self.say(Said("answered", family=family, event="family.revoked", id=family, position=position))

    async def _rotates(self, how: str) -> None:
        ring = self.chance.choice(RINGS)
        if how == "compromise":
            self.say(Said("asks", "compromised"))
            await keys.rotate_by_command(self.token, [REFRESH_RING], True, self.families_of, BY)
        else:  # who loses finds that another process has rotated already, and destroys what it made
            await keys.rotate_ring(self.token, ring, False, BY, lambda _: how == "rotate")

    def _told(self, answered: Answered, family: str, event: str) -> Held:
        claims: dict[str, Any] = jwt.decode(answered.answer.access_token, options={"verify_signature": False})
        held = Held(family or claims["fam"], answered.answer.refresh_token or "")
        self.say(
            Said(
                "answered",
                family=held.family,
                refresh_token="" if event == "refresh.retried" else held.refresh_token,
                event=event,
                id=claims["jti"],
                position=answered.position,
            )
        )
        return held


async def lived(order: Order, say: Callable[[Said], None]) -> None:
    async with AsyncExitStack() as stack:
        size = REQUESTS + (len(TABLES) if order.tables else 0) + order.relay  # each turn keeps a connection
        pool = await stack.enter_async_context(asyncpg.create_pool(order.dsn, min_size=0, max_size=size))
        time = LogTime(lambda: _now(store))
        store = await stack.enter_async_context(PostgresStore(order.dsn, pool, time.observe))
        await store.head()
        wrapping = Wrapping(bytes(32))
        log = Log(store, events, Sealer(wrapping, PostgresSealKeys(pool)), time.now)
        vault = EncryptedVault(wrapping, PostgresWrappedKeys(pool))
        token = Token(log, vault, ISSUER, time.ready_since, Parked(frozenset()), MemoryKept(time.now))
        life = Life(order, token, pool, store, Random(order.seed), say)
        running = [asyncio.ensure_future(job) for job in _background(life, time)]
        try:
            async with asyncio.timeout(LAST if order.work == "settle" else PATIENCE):
                await {"make": life.make, "live": life.live, "settle": life.settle}[order.work]()
                await _level(life)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


def _background(life: Life, time: LogTime) -> list[Coroutine[Any, Any, None]]:
    jobs = [time.run()]
    if life.order.tables:
        feed = LocalFeed("token", life.store, PostgresReaders(life.pool), life.token.log.now)
        jobs += [TableProjection(one, Rows(life.pool, one.name), feed, one.name).run() for one in TABLES]
    if life.order.relay:
        kafka = Kafka(life.order.servers)
        jobs.append(Relay("token", f"life-{life.order.number}", kafka, True, life.pool, life.store).run())
    return jobs


async def _level(life: Life) -> None:
    """Until what runs beside has caught up."""
    head = (await life.store.head()).position
    if life.order.tables:
        for one in TABLES:
            while (await Rows(life.pool, one.name).checkpoint()).position < head:
                await asyncio.sleep(0.01)
    while life.order.relay and await life.pool.fetchval("SELECT position FROM relay") < head:
        await asyncio.sleep(0.02)


async def _now(store: PostgresStore) -> int:
    return (await store.head()).now
