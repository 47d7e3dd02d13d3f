"""What can become of a topic: emptied, trimmed, records repeated, out of order, or not what a relay writes."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from suite.place import Place
from tests.fault.campaign.world import World
from tests.harness.kafka import OwnBroker
from tests.harness.topic import topic
from watchword.kafka import Kafka

LAST = 6
"""Records that are written again."""


def broker_of(world: World) -> tuple[OwnBroker, Kafka]:
    assert world.broker is not None
    assert world.cluster is not None
    return world.broker, world.cluster


async def replaced(world: World) -> None:
    """Kafka is destroyed with all that it held; another, empty one stands in its place."""
    broker, _ = broker_of(world)
    broker.kill()
    shutil.rmtree(Place(broker.data).kafka)
    broker.launch()
    await asyncio.to_thread(broker.wait)


async def killed(world: World) -> None:
    broker, _ = broker_of(world)
    broker.kill()
    broker.launch()
    await asyncio.to_thread(broker.wait)


async def trimmed(world: World, service: str) -> None:
    """All that the topic holds now is dropped."""
    _, cluster = broker_of(world)
    async with _reading(cluster, service) as (consumer, partition):
        end = (await consumer.end_offsets([partition]))[partition]
    async with topic(cluster, service, made=True) as written:
        await written.trim(end)


async def repeated(world: World, service: str) -> None:
    """The last records come again, as from a relay that was stopped before it had heard of them."""
    await _write(world, service, await _last(world, service))


async def reordered(world: World, service: str) -> bool:
    """The last records are gone from where they stood, and come again, the newest first. False where there are none."""
    last = await _last(world, service)
    if not last:
        return False
    _, cluster = broker_of(world)
    async with topic(cluster, service, made=True) as written:
        await written.trim(last[-1].offset + 1)  # what has come since stays, since nobody writes it again
    await _write(world, service, last[::-1])
    return True


async def corrupted(world: World, service: str) -> None:
    """What comes next is not the event that follows, and then something that is no event at all."""
    last = (await _last(world, service))[-1:]
    forged = [(one.key, b'{"subject":"acc_everybody"}', _moved(one.headers)) for one in last]
    _, cluster = broker_of(world)
    async with topic(cluster, service, made=True) as written:
        for key, value, headers in forged:
            await written.write(key, value, headers)
        await written.write(b"stranger", b"hello", [])


def _moved(headers: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Of the position after it."""
    return [
        (name, str(int(value) + 1).encode() if name in ("ce_position", "ce_id") else value) for name, value in headers
    ]


async def _last(world: World, service: str) -> list[ConsumerRecord]:
    """The last records that are events, whose key is their stream."""
    _, cluster = broker_of(world)
    found: list[ConsumerRecord] = []
    async with _reading(cluster, service) as (consumer, partition):
        begin = (await consumer.beginning_offsets([partition]))[partition]
        end = (await consumer.end_offsets([partition]))[partition]
        consumer.seek(partition, max(begin, end - 200))
        while await consumer.position(partition) < end:
            page = (await consumer.getmany(partition, timeout_ms=5000)).get(partition, [])
            found += [one for one in page if one.key is not None and one.headers]
    return found[-LAST:]


async def _write(world: World, service: str, records: list[ConsumerRecord]) -> None:
    _, cluster = broker_of(world)
    producer = AIOKafkaProducer(**cluster.client(), acks="all")
    await producer.start()
    try:
        for one in records:
            headers = list(one.headers)
            await producer.send_and_wait(cluster.topic(service), one.value, key=one.key, headers=headers, partition=0)
    finally:
        await producer.stop()


@asynccontextmanager
async def _reading(cluster: Kafka, service: str) -> AsyncIterator[tuple[AIOKafkaConsumer, TopicPartition]]:
    consumer = AIOKafkaConsumer(**cluster.client(), enable_auto_commit=False)
    partition = TopicPartition(cluster.topic(service), 0)
    await consumer.start()
    try:
        consumer.assign([partition])
        yield consumer, partition
    finally:
        await consumer.stop()
