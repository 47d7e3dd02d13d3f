"""What one size costs: CPU wherever it is spent, since wall-clock is noise on a shared machine."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil

from bench.growth.history import name_of, username
from chassis.rpc.client import ask
from eventlog.postgres import PostgresStore
from eventlog.store import Command, NewEvent, Write
from eventlog.verify import Checked, verify
from suite.databases import SERVICES
from suite.operator import operator
from tests.harness.people import PASSWORD, People, Person, Signed
from tests.harness.running import Running
from watchword.log.v1.log_pb2 import ListProjectionsRequest, RebuildProjectionRequest

PROCESSES = (*SERVICES, "postgres")
AT_ONCE = 16
APPENDS = 4000
VERIFIED = 200_000
BOUND = 30.0
"""Seconds that one measurement of a long thing takes at most."""

Cpu = dict[str, float]


def cpu(suite: Running) -> Cpu:
    """CPU seconds so far; PostgreSQL's with those of backends that have ended not counted."""
    return {name: _seconds(psutil.Process(suite.pid(name))) for name in PROCESSES}


def _seconds(process: psutil.Process) -> float:
    total = 0.0
    for one in (process, *process.children(recursive=True)):
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def memory(suite: Running) -> dict[str, float]:
    """MiB of each service."""
    return {name: psutil.Process(suite.pid(name)).memory_info().rss / 2**20 for name in SERVICES}


@dataclass(frozen=True, slots=True)
class Each:
    """CPU milliseconds for each of many, by process; `rate` a second by the clock, for what that is worth."""

    ms: Cpu
    rate: float


async def each(suite: Running, count: int, one: Callable[[int], Awaitable[None]]) -> Each:
    """Does it so often, 16 at once."""
    before, begun = cpu(suite), time.perf_counter()
    numbers = iter(range(count))

    async def client() -> None:
        for number in numbers:
            await one(number)

    await asyncio.gather(*(client() for _ in range(AT_ONCE)))
    after, seconds = cpu(suite), time.perf_counter() - begun
    return Each({name: (after[name] - before[name]) * 1000 / count for name in PROCESSES}, count / seconds)


async def timed(count: int, one: Callable[[int], Awaitable[None]]) -> list[float]:
    """Does it so often, one at a time; how many ms each took by the clock, in their order."""
    took = []
    for number in range(count):
        begun = time.perf_counter()
        await one(number)
        took.append(1000 * (time.perf_counter() - begun))
    return sorted(took)


class Visitors:
    """People of the history, and what they do."""

    def __init__(self, people: People, accounts: int) -> None:
        self._people = people
        self._accounts = accounts
        self.signed: list[Signed] = []

    @classmethod
    @asynccontextmanager
    async def of(cls, suite: Running, accounts: int) -> AsyncIterator["Visitors"]:
        async with People.of(suite) as people:
            yield cls(people, accounts)

    async def log_in(self, number: int) -> None:
        """Somebody of all those who are registered, each time somebody else."""
        who = 1 + (number * 7919) % self._accounts
        self.signed.append(await self._people.login(Person(username(who), PASSWORD, "")))

    async def refresh(self, number: int) -> None:
        """A token that was refreshed by the last one who did so is not that of another."""
        token = self.signed.pop(0)
        answer = await self._people.refresh(token.refresh_token)
        assert answer.status_code == 200, answer.text
        self.signed.append(_next(token, answer.json()["refresh_token"]))

    async def ask_policy(self, number: int) -> None:
        """An administrator's request of somebody who is none: policy decides, and refuses."""
        who = self.signed[number % len(self.signed)]
        answer = await self._people.post("identity", "/v1/accounts/acc_nobody/enable", headers=who.bearer, reason="x")
        assert answer.status_code == 403, answer.text


def _next(token: Signed, refresh_token: str) -> Signed:
    fields = {name: getattr(token, name) for name in ("account_id", "session_id", "access_token", "cookies")}
    return Signed(refresh_token=refresh_token, csrf_token=token.csrf_token, **fields)


@dataclass(frozen=True, slots=True)
class Appended:
    """For each event: microseconds of PostgreSQL's CPU and bytes of its write-ahead log; a second by the clock."""

    microseconds: float
    wal: float
    rate: float


async def append(suite: Running) -> Appended:
    """New streams in token's log, 64 at once, of a type that nobody folds."""
    dsn = (suite.place.secrets / "token.dsn").read_text()
    body = b'{"note":"' + b"x" * 300 + b'"}'
    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=2)
    stamp = time.time_ns()
    try:
        async with PostgresStore(dsn, pool) as store:

            async def one(number: int) -> None:
                stream = f"family/{name_of('fam', stamp + number, 12)}"  # among the old ones in the index
                write = Write(stream, 0, [NewEvent("watchword.token.bench.grew.v1", body, None)])
                await store.append(Command(f"{stamp}{number}", "bench", "bench", [write], []))

            async def many(numbers: range) -> None:
                for number in numbers:
                    await one(number)

            await asyncio.gather(*(many(range(first, 640, 64)) for first in range(64)))  # warm
            where = "SELECT pg_current_wal_insert_lsn() - '0/0'"
            wal, spent, begun = await pool.fetchval(where), cpu(suite)["postgres"], time.perf_counter()
            await asyncio.gather(*(many(range(640 + first, 640 + APPENDS, 64)) for first in range(64)))
            seconds, spent = time.perf_counter() - begun, cpu(suite)["postgres"] - spent
            wal = await pool.fetchval(where) - wal
    finally:
        await pool.close()
    return Appended(spent * 1e6 / APPENDS, float(wal) / APPENDS, APPENDS / seconds)


@dataclass(frozen=True, slots=True)
class Verified:
    """Rows whose chain was checked; for each, µs of CPU here and in PostgreSQL."""

    rows: int
    here: float
    postgres: float


async def verified(suite: Running) -> Verified:
    """Of token's log, its first rows."""
    dsn = (suite.place.secrets / "token.dsn").read_text()
    here, there, position = time.process_time(), cpu(suite)["postgres"], 0
    async for outcome in verify(dsn):
        assert isinstance(outcome, Checked), outcome
        position = outcome.position
        if position >= VERIFIED:
            there = cpu(suite)["postgres"] - there  # before the connection's backend goes
            break
    else:
        there = float("nan")
    return Verified(position, (time.process_time() - here) * 1e6 / position, there * 1e6 / position)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """Events that a rebuild has gone through, in so many seconds; µs of CPU for each in its service and PostgreSQL."""

    projection: str
    events: int
    seconds: float
    service: float
    postgres: float


async def rebuild(suite: Running, service: str, name: str) -> Rebuilt:
    """Watches a rebuild on an idle suite, for a while where it takes long: then the suite is to be stopped."""
    async with operator(suite.place, suite.fleet.target) as peers:
        stub = peers.projections[service]
        before, begun = cpu(suite), time.perf_counter()
        asking = asyncio.ensure_future(ask(stub.RebuildProjection, RebuildProjectionRequest(name=name), timeout=3600))
        events = 0
        while not asking.done() and time.perf_counter() - begun < BOUND:
            await asyncio.wait([asking], timeout=0.5)
            shown = (await ask(stub.ListProjections, ListProjectionsRequest())).projections
            events = next((one.rebuilt for one in shown if one.name == name and one.HasField("rebuilt")), events)
        after, seconds = cpu(suite), time.perf_counter() - begun
        if asking.done():
            events = asking.result().applied
        asking.cancel()
    spent = {who: (after[who] - before[who]) * 1e6 / max(events, 1) for who in (service, "postgres")}
    return Rebuilt(f"{service} {name}", events, seconds, spent[service], spent["postgres"])


@dataclass(frozen=True, slots=True)
class Slowed:
    """Refreshes for each second of CPU that token and PostgreSQL spent, without a rebuild and beside one."""

    alone: float
    beside: float
    events: int

    @property
    def share(self) -> float:
        """What the rebuild took of them."""
        return 1 - self.beside / self.alone


async def slowed(suite: Running, visitors: Visitors, count: int) -> Slowed:
    """Refreshes as fast as they go, before and while token's families are made anew."""
    where = ("token", "postgres")
    await each(suite, count // 4, visitors.refresh)
    alone = await each(suite, count, visitors.refresh)
    async with operator(suite.place, suite.fleet.target) as peers:
        stub = peers.projections["token"]
        request = RebuildProjectionRequest(name="families")
        asking = asyncio.ensure_future(ask(stub.RebuildProjection, request, timeout=3600))
        await asyncio.sleep(1.0)
        beside = await each(suite, count, visitors.refresh)
        shown = (await ask(stub.ListProjections, ListProjectionsRequest())).projections
        events = next((one.rebuilt for one in shown if one.name == "families" and one.HasField("rebuilt")), 0)
        asking.cancel()
    return Slowed(1000 / sum(alone.ms[one] for one in where), 1000 / sum(beside.ms[one] for one in where), events)


async def log_sizes(suite: Running, path: Path) -> str:
    """What lies on the disk of token's log: the table and its two indices, in MiB."""
    connection = await asyncpg.connect((path / "secrets" / "token.dsn").read_text())
    try:
        row = await connection.fetchrow(
            """SELECT pg_table_size('eventlog.events'), pg_relation_size('eventlog.events_pkey'),
                      pg_relation_size('eventlog.events_stream_version')"""
        )
    finally:
        await connection.close()
    return " · ".join(f"{value / 2**20:.0f}" for value in row or ())
