"""Relays for tests, in this process and in others, and what is in their topics.

As a program, `python -m tests.harness.relaying DSN HOST:PORT PREFIX NAME`, it relays until it is ended.
"""

import asyncio
import logging
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import asyncpg
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from eventlog.postgres import PostgresStore
from eventlog.relay import SCHEMA, Status
from eventlog.relay.relay import Relay
from eventlog.store import NewEvent
from tests.harness.database import Database
from tests.harness.log import command, event
from tests.unit.projection.notes import running
from watchword.kafka import BadRecord, Heartbeat, Kafka, Record, parse

SERVICE = "notes"
PATIENCE = 30.0


@dataclass
class House:
    """One log and the cluster that it is published to."""

    database: Database
    pool: asyncpg.Pool
    store: PostgresStore
    kafka: Kafka

    @property
    def topic(self) -> str:
        return self.kafka.topic(SERVICE)

    def relay(self, me: str = "a", create: bool = True) -> Relay:
        return Relay(SERVICE, me, self.kafka, create, self.pool, self.store)

    @asynccontextmanager
    async def relaying(self, create: bool = True) -> AsyncIterator[Relay]:
        """A relay that runs while the context lasts."""
        relay = self.relay(create=create)
        async with running(relay.run):
            yield relay

    async def append(self, count: int, made: NewEvent | None = None) -> int:
        """So many events more, each in a stream of its own; the position of the last."""
        last = 0
        for number in range(count):
            facts = (made or event(b'{"number":%d}' % number),)
            note = uuid.uuid4().hex
            last = (await self.store.append(command(note, {f"note/{note}": 0}, events=facts))).last
        return last

    async def grown_beyond(self, position: int) -> None:
        """Returns once others have appended so far."""
        async with asyncio.timeout(PATIENCE):
            while (await self.store.head()).position <= position:
                await asyncio.sleep(0.02)

    async def shows(self, relay: Relay, holds: Callable[[Status], bool]) -> Status:
        """The relay's status, once it is so."""
        async with asyncio.timeout(PATIENCE):
            while not holds(status := await relay.status()):
                await asyncio.sleep(0.02)
        return status

    async def level(self, relay: Relay) -> Status:
        """Returns once a heartbeat has said that all that the log holds now is in the topic."""
        head = await self.store.head()
        return await self.shows(
            relay, lambda one: one.position >= head.position and one.lag is not None and one.lag < 1 and not one.trouble
        )

    async def raw(self) -> list[ConsumerRecord]:
        """Everything in the topic, as Kafka gives it to anybody."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.kafka.servers, auto_offset_reset="none")
        partition = TopicPartition(self.topic, 0)
        await consumer.start()
        try:
            consumer.assign([partition])
            end = (await consumer.end_offsets([partition]))[partition]
            found: list[ConsumerRecord] = []
            await consumer.seek_to_beginning(partition)
            while await consumer.position(partition) < end:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    found += records
            return found
        finally:
            await consumer.stop()

    async def said(self) -> list[Record | Heartbeat]:
        """What the relay said, without what strangers did."""
        return [one for record in await self.raw() if (one := _parsed(record)) is not None]

    async def positions(self) -> list[int]:
        """The events in the topic, by position, in the topic's order, with what is repeated."""
        return [one.position for one in await self.said() if isinstance(one, Record)]

    async def make_topic(self, partitions: int = 1, **config: str) -> None:
        async with self._admin() as admin:
            configs = {name.replace("_", "."): value for name, value in config.items()}
            await admin.create_topics([NewTopic(self.topic, partitions, 1, topic_configs=configs)])
            while self.topic not in await admin.list_topics():
                await asyncio.sleep(0.02)

    async def described(self) -> tuple[int, str]:
        """How many partitions the topic has, and how it is cleaned up."""
        wanted = ConfigResource(ConfigResourceType.TOPIC, self.topic, {"cleanup.policy": ""})
        async with self._admin() as admin:
            (topic,) = await admin.describe_topics([self.topic])
            (answer,) = await admin.describe_configs([wanted])
        return len(topic["partitions"]), answer.to_object()["resources"][0]["config_entries"][0]["config_value"]

    async def delete_topic(self) -> None:
        async with self._admin() as admin, asyncio.timeout(PATIENCE):
            await admin.delete_topics([self.topic])
            while self.topic in await admin.list_topics():
                await asyncio.sleep(0.02)

    @contextmanager
    def process(self, name: str) -> Iterator[subprocess.Popen[bytes]]:
        """A relay in a process of its own, killed at the end."""
        dsn, servers, prefix = self.database.dsn, self.kafka.servers, self.kafka.topics
        program = [sys.executable, "-m", "tests.harness.relaying", dsn, servers, prefix, name]
        with subprocess.Popen(program) as process:
            try:
                yield process
            finally:
                process.kill()

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka.servers)
        await admin.start()
        try:
            yield admin
        finally:
            await admin.close()


@asynccontextmanager
async def house(database: Database, bootstrap: str, topics: str) -> AsyncIterator[House]:
    """A log of its own, empty, on a migrated database."""
    await database.migrate([SCHEMA])
    async with database.pool() as pool, PostgresStore(database.dsn, pool) as store:
        yield House(database, pool, store, Kafka(bootstrap, topics=topics))


def first_sight(positions: list[int]) -> list[int]:
    """What a reader takes of them: what it has it drops. Fails where it would meet a gap."""
    seen = positions[0] - 1
    for position in positions:
        assert position <= seen + 1, f"{position} follows {seen}: {positions}"
        seen = max(seen, position)
    return list(range(positions[0], seen + 1))


def _parsed(record: ConsumerRecord) -> Record | Heartbeat | None:
    try:
        return parse(record.key, record.value, record.headers)
    except BadRecord:
        return None


async def _run(dsn: str, servers: str, prefix: str, name: str) -> None:
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    async with asyncpg.create_pool(dsn, min_size=1, max_size=4) as pool, PostgresStore(dsn, pool) as store:
        await Relay(SERVICE, name, Kafka(servers, topics=prefix), True, pool, store).run()


if __name__ == "__main__":
    asyncio.run(_run(*sys.argv[1:]))
