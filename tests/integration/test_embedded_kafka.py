"""The embedded Apache Kafka is a real broker, loses nothing that it acknowledged, and leaves nothing behind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.harness.kafka import Broker, OwnBroker


@asynccontextmanager
async def topic(bootstrap: str, name: str) -> AsyncIterator[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, 1, 1)])
        yield name
    finally:
        await admin.close()


async def publish(bootstrap: str, name: str, *values: bytes) -> list[int]:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True, acks="all")
    await producer.start()
    try:
        return [(await producer.send_and_wait(name, value)).offset for value in values]
    finally:
        await producer.stop()


async def read(bootstrap: str, name: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    consumer.assign([TopicPartition(name, 0)])
    await consumer.start()
    try:
        await consumer.seek_to_beginning()
        return [(await consumer.getone()).value for _ in range(count)]
    finally:
        await consumer.stop()


async def test_what_an_idempotent_producer_publishes_is_read_back_in_order(kafka: Broker, kafka_topics: str) -> None:
    values = [str(number).encode() for number in range(100)]
    async with topic(kafka.bootstrap, f"{kafka_topics}.round-trip") as name:
        assert await publish(kafka.bootstrap, name, *values) == list(range(100))
        assert await read(kafka.bootstrap, name, 100) == values


@pytest.mark.parametrize("ended_by", ["stop", "kill"])
async def test_what_was_acknowledged_outlives_a_restart(own_kafka: OwnBroker, ended_by: str) -> None:
    async with topic(own_kafka.bootstrap, "kept") as name:
        await publish(own_kafka.bootstrap, name, b"before")
    getattr(own_kafka, ended_by)()
    own_kafka.start()
    await publish(own_kafka.bootstrap, "kept", b"after")
    assert await read(own_kafka.bootstrap, "kept", 2) == [b"before", b"after"]
