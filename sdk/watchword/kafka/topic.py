"""Reads one service's topic by explicit assignment, never through a consumer group (RULES 5)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from watchword.kafka.connection import Kafka
from watchword.kafka.records import BadRecord, Heartbeat, Record, parse

CLUSTER_LOST = (KafkaError, OSError, TimeoutError)
"""What a cluster that does not answer raises."""
MAX_RECORDS = 500
STOP_S = 2.0
SKIP = 10_000
"""Positions that are cheaper to read past than to search over."""


class TopicMissing(Exception):
    """The cluster has no such topic, or does not show it to this caller."""


class TopicTrimmed(KafkaError):  # type: ignore[misc]
    """What would come next is gone: retention took it, or the topic was made anew."""


@dataclass(frozen=True, slots=True)
class Found:
    """What stands at an offset of the topic."""

    offset: int
    what: Record | Heartbeat | BadRecord


class TopicReader:
    """The records of one topic, from wherever it was told to seek; made by `open_topic`."""

    def __init__(self, consumer: AIOKafkaConsumer, partition: TopicPartition, service: str) -> None:
        self._consumer = consumer
        self._partition = partition
        self._service = service

    async def bounds(self) -> tuple[int, int]:
        """The first offset that is still there, and the one that the next record will take."""
        begins = await self._consumer.beginning_offsets([self._partition])
        ends = await self._consumer.end_offsets([self._partition])
        return begins[self._partition], ends[self._partition]

    async def seek(self, position: int, hint: int | None = None) -> None:
        """Goes to where the events after `position` begin.

        The offset `hint` is believed only where the record of that very position stands there; else the topic is
        searched. Where it has no such place any more, reading begins at what it still has.
        """
        begin, end = await self.bounds()
        if hint is not None and begin <= hint < end:
            found = await self._first_from(hint, hint + 1)
            if found is not None and found.position == position:
                self._consumer.seek(self._partition, hint + 1)
                return
        self._consumer.seek(self._partition, await self._search(position, begin, end))

    async def read(self, timeout: float) -> list[Found]:
        """What comes next, in the topic's order; nothing where nothing came within `timeout` seconds.

        Raises TopicTrimmed.
        """
        try:
            return await self._take(timeout, MAX_RECORDS)
        except OffsetOutOfRangeError as gone:
            raise TopicTrimmed("what would come next is gone from the topic") from gone
        except UnicodeDecodeError:
            return await self._around(timeout)

    async def _take(self, timeout: float, most: int) -> list[Found]:
        taken = await self._consumer.getmany(self._partition, timeout_ms=int(timeout * 1000), max_records=most)
        return [self._found(record) for records in taken.values() for record in records]

    async def _around(self, timeout: float) -> list[Found]:
        """A header whose name is no text fails the client for all that came with it: so one by one, and over it."""
        at = await self._consumer.position(self._partition)
        self._consumer.seek(self._partition, at)
        try:
            return await self._take(timeout, 1)
        except UnicodeDecodeError:
            self._consumer.seek(self._partition, at + 1)
            return [Found(at, BadRecord("the name of a header is no text"))]

    async def last(self, within: int = 1_000) -> Found | None:
        """The newest record of this service's log among the last `within` records; None where there is none."""
        begin, end = await self.bounds()
        offset, last = max(begin, end - within), None
        while offset < end:
            self._consumer.seek(self._partition, offset)
            page = await self._page()
            if not page:
                if await self._consumer.position(self._partition) >= end:
                    break
                raise TimeoutError("the topic does not give what it says that it has")
            last = next((one for one in reversed(page) if not isinstance(one.what, BadRecord)), last)
            offset = page[-1].offset + 1
        return last

    async def _search(self, position: int, low: int, high: int) -> int:
        """By halves: where a record is repeated, any of the places is good."""
        if position == 0:
            return low
        end = high
        while low < high:
            middle = (low + high) // 2
            found = await self._first_from(middle, end)
            if found is None or found.position > position:
                high = middle
            elif position - found.position < SKIP:
                return found.offset + 1
            else:
                low = found.offset + 1
        return low

    async def _first_from(self, offset: int, end: int) -> "_Placed | None":
        """The first record of this service's log at `offset` or later, before `end`."""
        while offset < end:
            self._consumer.seek(self._partition, offset)
            page = await self._page()
            for one in page:
                if one.offset < end and not isinstance(one.what, BadRecord):
                    return _Placed(one.offset, one.what.position)
            if not page:
                return None
            offset = page[-1].offset + 1
        return None

    async def _page(self) -> list[Found]:
        return await self.read(2.0)

    def _found(self, record: ConsumerRecord) -> Found:
        try:
            what = parse(record.key, record.value, record.headers)
            if what.service != self._service:
                raise BadRecord(f"it is of {what.service}'s log")
        except BadRecord as bad:
            return Found(record.offset, bad)
        return Found(record.offset, what)


@dataclass(frozen=True, slots=True)
class _Placed:
    offset: int
    position: int


@asynccontextmanager
async def open_topic(kafka: Kafka, service: str) -> AsyncIterator[TopicReader]:
    """A reader of a service's topic while the context lasts.

    Raises TopicMissing, and what CLUSTER_LOST names where the cluster does not answer, while it reads as well.
    """
    # What a stranger wrote above our offsets, or a topic that was made anew, must show: no offset is ever guessed.
    consumer = AIOKafkaConsumer(
        **kafka.client(), auto_offset_reset="none", enable_auto_commit=False, client_id="watchword"
    )
    partition = TopicPartition(kafka.topic(service), 0)
    try:
        await consumer.start()
        if partition.topic not in await consumer.topics():
            raise TopicMissing(f"there is no topic {partition.topic}")
        consumer.assign([partition])
        yield TopicReader(consumer, partition, service)
    finally:
        await _stop(consumer)


async def _stop(consumer: AIOKafkaConsumer) -> None:
    """Stops it apart from the caller: where a fetch is under way aiokafka 0.14 raises the fetch's CancelledError, which
    would end whoever reads as if it had been cancelled itself, and leaves the connections open.
    """
    for end in (consumer.stop, consumer._client.close):
        ending = asyncio.ensure_future(end())
        await asyncio.wait({ending}, timeout=STOP_S)
        if ending.done() and not ending.cancelled() and ending.exception() is None:
            return
        ending.cancel()
