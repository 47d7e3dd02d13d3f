"""A topic that a test writes as a relay would, or as a stranger."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from watchword.chain import GENESIS, link
from watchword.kafka import Heartbeat, Kafka, Record, headers_of, heartbeat_headers
from watchword.kafka.topic import Found, open_topic

START = 1_900_000_000_000_000


@dataclass
class Published:
    """The topic of a log that stands at `position`."""

    topic: str
    service: str
    producer: AIOKafkaProducer
    log_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    position: int = 0
    chain_hash: bytes = GENESIS

    def next(self, name: str, stream: str, **body: Any) -> Record:
        """The event that the log takes next; it is not published yet."""
        self.position += 1
        record = Record(
            log_id=self.log_id,
            service=self.service,
            position=self.position,
            stream=stream,
            version=1,
            type=f"watchword.{self.service}.{name}.v1",
            time=START + self.position,
            command_id=f"command-{self.position}",
            actor="a-test",
            correlation_id=f"request-{self.position}",
            body=msgspec.json.encode(body),
            sealed_hash=b"",
            chain_hash=b"",
        )
        self.chain_hash = link(self.chain_hash, record)
        return msgspec.structs.replace(record, chain_hash=self.chain_hash)

    async def event(self, name: str, stream: str, **body: Any) -> Record:
        """The log takes an event, and the topic has it."""
        record = self.next(name, stream, **body)
        await self.send(record)
        return record

    async def send(self, record: Record) -> None:
        await self.write(record.stream.encode(), record.body, headers_of(record))

    async def heartbeat(self, ahead: int = 0) -> None:
        beat = Heartbeat(
            log_id=self.log_id,
            service=self.service,
            position=self.position + ahead,
            time=START + self.position,
            chain_hash=self.chain_hash,
        )
        await self.write(None, b"{}", heartbeat_headers(beat))

    async def write(self, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]) -> None:
        await self.producer.send_and_wait(self.topic, value, key, headers=headers)


@asynccontextmanager
async def published(kafka: Kafka, service: str) -> AsyncIterator[Published]:
    """The topic of a service, made where there is none, and gone on with where there is."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(kafka.topic(service), 1, 1)])
    finally:
        await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=kafka.servers, enable_idempotence=True, acks="all")
    await producer.start()
    try:
        yield await _resumed(kafka, Published(kafka.topic(service), service, producer))
    finally:
        await producer.stop()


async def _resumed(kafka: Kafka, topic: Published) -> Published:
    async with open_topic(kafka, topic.service) as reader:
        newest = await reader.last()
    match newest:
        case Found(what=Heartbeat() | Record() as what):
            topic.log_id, topic.position, topic.chain_hash = what.log_id, what.position, what.chain_hash
    return topic
