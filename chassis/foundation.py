"""What every service stands on: its database, log, time, peers and readers."""

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import asyncpg

from chassis.clock import LogTime
from chassis.database import open_pool
from chassis.keys import read_key_file
from chassis.positions import Waiting
from chassis.process import Process
from chassis.rpc import ADMINISTRATOR, GRANTED, RpcServer, Tls, acting, administrator, connect
from chassis.settings import ServiceSettings
from chassis.tracing.events import appending, applying, publishing
from eventlog.errors import unavailable
from eventlog.events import Recorded, Registry
from eventlog.feed import EventLogFeed, LocalFeed, RemoteFeed, SharedFeed, Source
from eventlog.log import Log
from eventlog.postgres import PostgresSealKeys, PostgresStore
from eventlog.projection import (
    Lookup,
    MemoryProjection,
    Projection,
    ProjectionFeed,
    Projections,
    Rows,
    Sink,
    TableProjection,
    Unkept,
)
from eventlog.projection.checkpoint import Moves
from eventlog.projection.durable import Durable
from eventlog.projection.rows import SCHEMA as PROJECTION_SCHEMA
from eventlog.readers import PostgresReaders
from eventlog.relay import SCHEMA as RELAY_SCHEMA
from eventlog.relay import Asked, RelayFeed
from eventlog.sealing import Sealer, Wrapping
from watchword.kafka import Kafka
from watchword.log.v1 import log_pb2_grpc

__all__ = ["PROJECTION_SCHEMA", "RELAY_SCHEMA", "Followed", "Foundation", "lay"]

CONNECTIONS = 16
HEAR = 3.0
LOG_CALLERS = {"watchword.log.v1.EventLogService/Read": {"service/*", "operator/*", GRANTED}}
PROJECTION_CALLERS = {
    f"watchword.log.v1.ProjectionService/{method}": {ADMINISTRATOR}
    for method in ("ListProjections", "RebuildProjection", "RetryParked")
}
RELAY_CALLERS = {f"watchword.log.v1.RelayService/{method}": {ADMINISTRATOR} for method in ("GetRelay", "Republish")}


@dataclass(frozen=True, slots=True)
class Followed:
    """A projection in both its forms."""

    table: TableProjection
    memory: MemoryProjection
    rows: Rows


@dataclass(frozen=True, slots=True)
class Foundation:
    """`me` names this process among those of its service, in receipts. `relay` is None where there is no Kafka."""

    service: str
    me: str
    tls: Tls
    pool: asyncpg.Pool
    time: LogTime
    store: PostgresStore
    readers: PostgresReaders
    cluster: Kafka | None
    wrapping: Wrapping
    relay: Asked | None
    moves: Moves

    def log(self, events: Registry) -> Log:
        """The service's own log, to write to."""
        sealer = Sealer(self.wrapping, PostgresSealKeys(self.pool))
        return Log(self.store, events, sealer, self.time.now, append=appending(self.store.append))

    def own(self) -> LocalFeed:
        """The service's own log, to follow."""
        return LocalFeed(self.service, self.store, self.readers, self.time.now)

    def peer(self, name: str, target: str) -> Source:
        """Another service's log at HOST:PORT, to follow; from its topic, where a cluster is read."""
        owner = RemoteFeed(name, connect(target, self.tls, name))
        if self.cluster is None:
            return SharedFeed(owner, self.me)
        from eventlog.feed.kafka import KafkaFeed

        return SharedFeed(KafkaFeed(owner, self.cluster), self.me)

    def rows(self, projection: str) -> Rows:
        """The rows of a projection, or a reaction's checkpoint."""
        return Rows(self.pool, projection, self.moves)

    def follow(
        self, projection: Projection, source: Source, sink: Sink, kinds: Sequence[str] | None = None
    ) -> Followed:
        """Keeps a projection in the table, where it is this process's turn, and in this process's memory."""
        rows = self.rows(projection.name)
        seen = projection if source.log == self.service else applying(projection)
        memory = MemoryProjection(seen, rows, source, sink, self.reader(source, projection.name), kinds=kinds)
        table = TableProjection(projection, rows, source, self.reader(source, f"{projection.name}-table"))
        return Followed(table, memory, rows)

    def look_up(self, process: Process, projection: Projection, source: Source) -> tuple[Followed, Lookup]:
        """Keeps a projection in the table; memory holds those of its rows that were asked for lately, up to date."""
        lookup = Lookup(self.rows(projection.name))
        followed = self.follow(projection, source, lookup, kinds=())
        lookup.follows = followed.memory
        process.background(f"lookup {projection.name}", lookup.run)
        return followed, lookup

    def keep(self, projection: Projection, source: Source) -> Followed:
        """Keeps a projection in the table alone; memory holds nothing of it but how far the log is known."""
        rows = self.rows(projection.name)
        unread = Projection(projection.name, projection.log, _unread, lambda event, row: ())
        memory = MemoryProjection(unread, rows, source, Unkept(), self.reader(source, projection.name), kinds=())
        table = TableProjection(projection, rows, source, self.reader(source, f"{projection.name}-table"))
        return Followed(table, memory, rows)

    def reader(self, source: Source, name: str) -> str:
        """How a reader of this process is named; the owner of another log puts this service's name before it."""
        return f"service/{self.service}/{self.me}/{name}" if source.log == self.service else f"{self.me}/{name}"

    def run(self, process: Process, followed: Sequence[Followed], others: Sequence[Durable] = ()) -> Projections:
        """Runs them while the process lives, and shows them."""
        projections = Projections([one.memory for one in followed], [*(one.table for one in followed), *others])
        process.background("projections", projections.run)
        memory = [one.memory for one in followed]
        process.step("projections", lambda: _level(memory, self.service))
        process.step("others", lambda: _heard([one for one in memory if one.projection.log != self.service]))
        process.readiness.show(projections.statuses)
        return projections

    def waiting(self, projections: Projections) -> Waiting:
        """Requests that name positions wait for them; of its own log the service reads the head."""
        return Waiting(projections, {self.service: self.head})

    async def head(self) -> int:
        return (await self.store.head()).position

    def serve_log(self, rpc: RpcServer, projections: Projections) -> None:
        """EventLogService, ProjectionService and RelayService."""
        feed = EventLogFeed(self.store, self.readers, self.time.now, lambda reader: f"{acting().caller.label}/{reader}")
        rpc.add(log_pb2_grpc.add_EventLogServiceServicer_to_server, feed, LOG_CALLERS)
        rpc.add(
            log_pb2_grpc.add_ProjectionServiceServicer_to_server,
            ProjectionFeed(projections, administrator),
            PROJECTION_CALLERS,
        )
        rpc.add(log_pb2_grpc.add_RelayServiceServicer_to_server, RelayFeed(self.relay, administrator), RELAY_CALLERS)


async def lay(service: str, settings: ServiceSettings, process: Process) -> Foundation:
    """Opens what the service stands on; waits for nothing. Raises WrongSetting."""
    wrapping = read_key_file(settings.key_encryption_key_file)
    pool = await process.enter(open_pool(settings.database, service, max_size=CONNECTIONS))
    time = LogTime(lambda: _now(store))
    store = await process.enter(PostgresStore(settings.database.get_secret_value(), pool, time.observe))
    process.background("time", time.run)
    process.readiness.add("database", time.check)
    process.on_ready(time.became_ready)
    me = secrets.token_hex(3)
    return Foundation(
        service=service,
        me=me,
        tls=Tls.load(settings.ca, settings.cert, settings.key),
        pool=pool,
        time=time,
        store=store,
        readers=PostgresReaders(pool),
        cluster=settings.cluster if settings.kafka_read else None,
        wrapping=wrapping,
        relay=_relay(service, me, settings, process, pool, store),
        moves=Moves(pool),
    )


def _relay(
    service: str,
    me: str,
    settings: ServiceSettings,
    process: Process,
    pool: asyncpg.Pool,
    store: PostgresStore,
) -> Asked | None:
    """Publishes the service's log while the process lives, where it was given a cluster."""
    cluster = settings.cluster
    if cluster is None:
        return None
    from eventlog.relay.relay import Relay

    published = publishing(cluster.topic(service))
    relay = Relay(service, me, cluster, settings.kafka_create_topics, pool, store, published)
    process.background("relay", relay.run)
    process.readiness.show_relay(relay.status)
    return relay


async def _level(followed: Sequence[MemoryProjection], log: str) -> None:
    """What a service holds of its own log is part of its own start; what it holds of others' is not."""
    behind = [one.projection.name for one in followed if one.projection.log == log and not one.ready]
    if behind:
        raise unavailable("projections_behind", f"not level with the log yet: {', '.join(behind)}")


async def _heard(others: Sequence[MemoryProjection]) -> None:
    """Who has heard of the others' logs refuses nothing that its neighbour would grant; who cannot starts all the same.

    A start waits for no other service for longer than this.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(HEAR):
            while not all(one.ready for one in others):
                await asyncio.sleep(0.02)


async def _unread(row: Recorded) -> None:
    """Nothing of a row is wanted."""


async def _now(store: PostgresStore) -> int:
    return (await store.head()).now
