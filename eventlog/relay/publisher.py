"""Writes a log's records to its topic, one batch at a time (RULES 5)."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from eventlog.events import Recorded
from eventlog.relay.topic import CLOSE, MAX_BYTES, PATIENCE, bounded
from eventlog.store import Head
from eventlog.trace import traceparent_of
from watchword.kafka import Heartbeat, Kafka, Record, headers_of, heartbeat_headers

BATCH_BYTES = 900_000
"""Below what a topic takes whose operator left `max.message.bytes` as it is; a larger event goes alone."""
AT_ONCE = 50
"""Records that are made before others in the process get their turn: a login waits for no more."""
BODY = b"{}"


class Publisher:
    """A log's topic, to write to. Nothing is sent before what was sent earlier is acknowledged by all replicas that are
    in step: so what fails leaves no gap behind it.

    `check` is called before each batch, and raises where another process may be publishing by now. Methods raise what
    CLUSTER_LOST names; then some of what they were given may be in the topic.
    """

    def __init__(
        self, producer: AIOKafkaProducer, topic: str, log_id: str, service: str, check: Callable[[], None]
    ) -> None:
        self._producer = producer
        self._topic = topic
        self._log_id = log_id
        self._service = service
        self._check = check

    async def events(self, rows: Sequence[Recorded]) -> None:
        """Publishes rows, in their order."""
        waiting = deque(rows)
        while waiting:
            batch = self._producer.create_batch()
            while waiting and self._add(batch, waiting[0]):
                waiting.popleft()
                if len(waiting) % AT_ONCE == 0:
                    await asyncio.sleep(0)
            await self._send(batch)

    async def heartbeat(self, head: Head) -> None:
        """Says that the log ended there then; all up to it must have been published."""
        beat = Heartbeat(
            log_id=self._log_id,
            service=self._service,
            position=head.position,
            time=head.now,
            chain_hash=head.chain_hash,
        )
        batch = self._producer.create_batch()
        batch.append(timestamp=head.now // 1000, key=None, value=BODY, headers=heartbeat_headers(beat))
        await self._send(batch)

    def _add(self, batch: Any, row: Recorded) -> bool:
        """False where the batch is full."""
        record = Record(
            log_id=self._log_id,
            service=self._service,
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
        headers = headers_of(record, traceparent_of(row))
        added = batch.append(timestamp=row.time // 1000, key=row.stream.encode(), value=row.body, headers=headers)
        return added is not None

    async def _send(self, batch: Any) -> None:
        self._check()
        async with asyncio.timeout(PATIENCE):
            # A topic that was made anew, with more of them, is not the one that was looked at.
            if await self._producer.partitions_for(self._topic) != {0}:
                raise KafkaError(f"{self._topic} has several partitions by now")
            await (await self._producer.send_batch(batch, self._topic, partition=0))


@asynccontextmanager
async def publisher(kafka: Kafka, service: str, log_id: str, check: Callable[[], None]) -> AsyncIterator[Publisher]:
    """A publisher while the context lasts; what it has not delivered by then it never will. Raises CLUSTER_LOST's."""
    producer = AIOKafkaProducer(
        **kafka.client(),
        client_id="watchword-relay",
        enable_idempotence=True,
        acks="all",
        max_batch_size=BATCH_BYTES,
        max_request_size=MAX_BYTES,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            await producer.start()
        yield Publisher(producer, kafka.topic(service), log_id, service, check)
    finally:
        await bounded(lambda: _cut(producer))


async def _cut(producer: AIOKafkaProducer) -> None:
    """Ends a producer at once. Its own stop waits, and sends again, until a batch that nobody takes is delivered."""
    producer._closed = True
    sending = producer._sender.sender_task
    if sending is not None:
        sending.cancel()
    await producer.client.close()
    if sending is not None:
        await asyncio.wait([sending], timeout=CLOSE / 2)
        sending.cancel()
        await asyncio.wait([sending])
