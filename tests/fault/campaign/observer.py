"""Looks at one service's log, tables and topic from outside, and checks what came since it looked last."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import asyncpg
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from eventlog.events import Recorded
from eventlog.postgres.rows import recorded
from eventlog.projection import Rows
from eventlog.verify import Misfit, verify
from tests.fault.campaign.check import LogWatch, Published, TableWatch, TopicWatch
from watchword.kafka import BadRecord, Heartbeat, Kafka, Record
from watchword.kafka.records import parse

PAGE = 5000
_ROWS = "SELECT * FROM eventlog.events WHERE position > $1 ORDER BY position LIMIT $2"
_NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"


@dataclass
class Observer:
    """`waiting` are, by table, the rows that it had not applied when it was looked at last."""

    dsn: str
    pool: asyncpg.Pool
    log: LogWatch
    tables: dict[str, TableWatch]
    topic: TopicWatch
    hashes: dict[int, bytes] = field(default_factory=dict)
    waiting: dict[str, list[Recorded]] = field(default_factory=dict)
    offset: int = 0

    @property
    def lacks_in_its_topic(self) -> bool:
        """Whether the topic does not hold the end of the log, as far as either was looked at; one that was emptied, and
        to which nothing has come since, lacks nothing."""
        return self.topic.position is not None and self.topic.position < self.log.position

    async def look(self) -> list[str]:
        """What is wrong with the rows that came since."""
        wrong: list[str] = []
        while rows := [recorded(row) for row in await self.pool.fetch(_ROWS, self.log.position, PAGE)]:
            wrong += self.log.take(rows)
            self.hashes |= {row.position: row.chain_hash for row in rows}
            for waiting in self.waiting.values():
                waiting += rows
        return wrong

    async def look_at_tables(self) -> list[str]:
        """Where a table that follows the service's own log is not what a fresh replay up to its checkpoint makes."""
        wrong = []
        for name in list(self.waiting):
            wrong += await self.compare(name, self, name)
        return wrong

    async def compare(self, name: str, source: "Observer", waiting: str) -> list[str]:
        """The same of one table, which follows the log of `source`; that keeps its rows under the name `waiting`."""
        table = self.tables[name]
        loaded = await Rows(self.pool, name).load()
        now = await self.pool.fetchval(_NOW)
        wrong, at = await source.look(), loaded.checkpoint
        rows = source.waiting[waiting]
        taken = [row for row in rows if row.position <= at.position]
        await table.take(taken)
        del rows[: len(taken)]
        if table.position != at.position:
            wrong.append(f"{name}: its checkpoint {at.position} is not in the log, which ends at {table.position}")
        if loaded.parked:
            wrong.append(f"{name}: streams are parked: {sorted(loaded.parked)}")
        return wrong + table.differs(loaded.rows, now)

    async def look_at_topic(self, kafka: Kafka, service: str) -> list[str]:
        """What is wrong with the records that came since; what a cluster does not give now is looked at later."""
        records = []
        with suppress(KafkaError, TimeoutError, OSError):
            async for offset, what in everything(kafka, service, self.offset):
                self.offset = offset + 1
                if isinstance(what, Record):
                    records.append(Published(offset, what.position, what.chain_hash))
        return await self.look() + self.topic.take(records, self.hashes)  # what is in the topic is in the log by now

    async def verified(self) -> list[str]:
        """What is wrong with the whole chain in the database, from its first row."""
        return [f"{self.log.log}: {one}" async for one in verify(self.dsn) if isinstance(one, Misfit)]


async def everything(
    kafka: Kafka, service: str, first: int
) -> AsyncIterator[tuple[int, Record | Heartbeat | BadRecord]]:
    """Every record of a topic from an offset up to what is its end now. What the topic has no more is passed over."""
    consumer = AIOKafkaConsumer(**kafka.client(), enable_auto_commit=False, client_id="observer")
    partition = TopicPartition(kafka.topic(service), 0)
    await consumer.start()
    try:
        consumer.assign([partition])
        begin = (await consumer.beginning_offsets([partition]))[partition]
        end = (await consumer.end_offsets([partition]))[partition]
        consumer.seek(partition, max(first, begin))
        while await consumer.position(partition) < end:
            for one in (await consumer.getmany(partition, timeout_ms=5000)).get(partition, []):
                yield one.offset, _parsed(one)
    finally:
        await consumer.stop()


def _parsed(record: ConsumerRecord) -> Record | Heartbeat | BadRecord:
    try:
        return parse(record.key, record.value, record.headers)
    except BadRecord as bad:
        return bad


@asynccontextmanager
async def observing(dsn: str, log: str, tables: Sequence[TableWatch]) -> AsyncIterator[Observer]:
    """An observer of a service's database and its tables."""
    pool = await asyncpg.create_pool(dsn, min_size=0, max_size=2, server_settings={"application_name": "observer"})
    waiting: dict[str, list[Recorded]] = {one.projection.name: [] for one in tables if one.projection.log == log}
    try:
        yield Observer(
            dsn, pool, LogWatch(log), {one.projection.name: one for one in tables}, TopicWatch(log), waiting=waiting
        )
    finally:
        pool.terminate()
