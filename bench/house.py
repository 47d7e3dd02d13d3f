"""What is measured: a suite of its own on each transport, a bare log, and who is known to them."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

import asyncpg
import psutil
import uvloop

from bench.driving import Driven, drive
from bench.jobs import Job
from bench.machine import LOAD, SERVICE, pin
from bench.profiles import Profile
from eventlog.postgres import PostgresStore
from eventlog.projection.rows import SCHEMA as PROJECTION_SCHEMA
from eventlog.relay import SCHEMA as RELAY_SCHEMA
from suite.account import database_account, make_data
from suite.databases import SERVICES
from suite.place import Place
from suite.postgres import embedded
from tests.harness.database import Database, fresh_database
from tests.harness.kafka import OwnBroker, own_broker
from tests.harness.running import Running, running_suite

T = TypeVar("T")
Transport = Literal["feed", "kafka"]


@dataclass(frozen=True, slots=True)
class BareLog:
    """A log that belongs to no service, and the process of its PostgreSQL."""

    pool: asyncpg.Pool
    store: PostgresStore
    postgres: int


@dataclass(frozen=True, slots=True)
class Bare:
    """A database that belongs to no service, and the process of its PostgreSQL."""

    database: Database
    postgres: int

    @asynccontextmanager
    async def log(self) -> AsyncIterator[BareLog]:
        """A log on it, as a service opens its own."""
        await self.database.migrate([PROJECTION_SCHEMA, RELAY_SCHEMA])
        async with self.database.pool() as pool, PostgresStore(self.database.dsn, pool) as store:
            yield BareLog(pool, store, self.postgres)


@dataclass
class House:
    """`seconds` each row is measured, after `warm_up`. With `profile` it is looked at where the time goes meanwhile."""

    work: Path
    seconds: float
    warm_up: float
    profile: Profile | None = None
    rates: dict[str, float] = field(default_factory=dict)
    """What was measured before in this run, by the figure's words."""
    _open: ExitStack = field(default_factory=ExitStack)
    _running: tuple[Transport, Running] | None = None
    _broker: OwnBroker | None = None

    def suite(self, transport: Transport = "feed") -> Running:
        """A suite as `watchword up` runs it, seeded; the one on the other transport is ended."""
        if self._running is None or self._running[0] != transport:
            self.close()
            arguments = () if transport == "feed" else ("--kafka", self.broker().bootstrap)
            data = self.work / transport
            if not data.exists():
                make_data(data, database_account(Place(data).cluster))
            self._running = transport, self._open.enter_context(running_suite(data, *arguments))
        return self._running[1]

    def broker(self) -> OwnBroker:
        """A Kafka of its own, which stays on the core of the load."""
        if self._broker is None:
            self._broker = self._open.enter_context(own_broker(self.work / "broker"))
            pin([self._broker.process.pid], LOAD)
        return self._broker

    def close(self) -> None:
        """Ends what runs; its data stays."""
        self._running = self._broker = None
        self._open.close()

    def under_load(self, *services: str, transport: Transport = "feed") -> dict[str, int]:
        """Puts these services and PostgreSQL on one core and all others on the other; the processes, by name."""
        suite = self.suite(transport)
        names = [*services, "postgres", *(name for name in SERVICES if name not in services)]
        pids = {name: suite.pid(name) for name in names}
        pin([suite.up.pid], LOAD)
        pin([pids[name] for name in (*services, "postgres")], SERVICE)
        return pids

    def drive(self, job: Job, pids: dict[str, int]) -> Driven:
        """Runs a load against the first of these processes, and tells the CPU of all."""
        return drive(job, pids, self.looking_at(next(iter(pids.values()))))

    @contextmanager
    def looking_at(self, pid: int) -> Iterator[None]:
        """Profiles a process while the context lasts, where that was asked for."""
        with self.profile.of(pid) if self.profile else nullcontext():
            yield

    @contextmanager
    def bare(self) -> Iterator[Bare]:
        """A database with no service, on a PostgreSQL of its own on the first core; this process stays on the other."""
        with asyncio.Runner() as runner:  # uvloop cannot start a process of another account
            data = self.work / "bare"
            stack = AsyncExitStack()
            try:
                server = runner.run(stack.enter_async_context(embedded(data)))
                database = runner.run(stack.enter_async_context(fresh_database(server, data)))
                (postgres,) = (one.pid for one in psutil.Process().children() if one.name() == "postgres")
                pin([postgres], SERVICE)
                yield Bare(database, postgres)
            finally:
                runner.run(stack.aclose())


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """In a loop as the services have it."""
    return uvloop.run(coroutine)


def address(url: str) -> tuple[str, int]:
    """Host and port of an http URL."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port
