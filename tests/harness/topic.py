"""A topic that a test writes: what a relay would, and what one never would."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

from eventlog.events import Recorded
from watchword.kafka import Heartbeat, Kafka, Record, headers_of, heartbeat_headers

LOG_ID = str(uuid.UUID(int=1))


class Topic:
    """One service's topic, written by hand."""

    def __init__(self, kafka: Kafka, service: str, producer: AIOKafkaProducer) -> None:
        self.kafka = kafka
        self.service = service
        self.name = kafka.topic(service)
        self._producer = producer

    async def publish(self, rows: Iterable[Recorded]) -> None:
        """The records of these rows, in this order."""
        for row in rows:
            await self.write(row.stream.encode(), row.body, headers_of(record_of(row, self.service)))

    async def beat(self, row: Recorded, time: int) -> None:
        """A heartbeat after `row`, at `time` (µs)."""
        beat = Heartbeat(
            log_id=LOG_ID, service=self.service, position=row.position, time=time, chain_hash=row.chain_hash
        )
        await self.write(None, b"{}", heartbeat_headers(beat))

    async def write(self, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]) -> None:
        """Whatever a stranger writes."""
        await self._producer.send_and_wait(self.name, value, key=key, headers=headers, partition=0)

    async def write_unreadable(self) -> None:
        """A record with a header whose name is no text, which no client of Python writes."""
        batch = self._producer.create_batch()
        batch.append(key=b"k", value=b"v", timestamp=None, headers=[("NAME", b"x")])
        data = bytearray(batch._build()).replace(b"NAME", b"\xff\xfe\xfd\xfc")
        # Of a batch of version 2 the checksum stands at byte 17, over all that follows it.
        data[17:21] = calc_crc32c(data[21:]).to_bytes(4, "big")
        batch._buffer = data
        await (await self._producer.send_batch(batch, self.name, partition=0))

    async def trim(self, before: int) -> None:
        """Drops every record below the offset `before`, as retention does."""
        admin = AIOKafkaAdminClient(**self.kafka.client())
        await admin.start()
        try:
            await admin.delete_records({TopicPartition(self.name, 0): RecordsToDelete(before)})
        finally:
            await admin.close()


def record_of(row: Recorded, service: str) -> Record:
    """A row as its relay writes it."""
    return Record(
        log_id=LOG_ID,
        service=service,
        position=row.position,
        stream=row.stream,
        version=row.version,
        type=row.type,
        time=row.time,
        command_id=row.command_id,
        actor=row.actor,
        correlation_id=row.correlation_id,
        body=row.body,
        sealed_hash=row.sealed_hash,
        chain_hash=row.chain_hash,
    )


@asynccontextmanager
async def topic(kafka: Kafka, service: str, made: bool = False) -> AsyncIterator[Topic]:
    """A topic of a service: a new, empty one, or the one that was `made` already."""
    if not made:
        await create(kafka, service)
    producer = AIOKafkaProducer(**kafka.client(), acks="all")
    await producer.start()
    try:
        yield Topic(kafka, service, producer)
    finally:
        with suppress(TimeoutError):  # it waits for a broker that may be gone
            async with asyncio.timeout(2):
                await producer.stop()


async def create(kafka: Kafka, service: str) -> None:
    """Makes the topic with its one partition."""
    admin = AIOKafkaAdminClient(**kafka.client())
    await admin.start()
    try:
        await admin.create_topics([NewTopic(kafka.topic(service), 1, 1)])
    finally:
        await admin.close()
