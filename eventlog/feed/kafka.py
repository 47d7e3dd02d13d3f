"""Another service's log from its topic, with stamps, receipts and what the topic lacks from its owner (RULES 4, 5)."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial

import structlog

from eventlog.feed.merge import Merge, Trouble
from eventlog.feed.pace import paced
from eventlog.feed.remote import RemoteFeed
from eventlog.feed.source import (
    INTERVAL,
    Batch,
    Echo,
    Progress,
    SourceLost,
    Transport,
    cancelled,
    follow_for_ever,
    revokes,
)
from watchword.clock import LogClock, boot_ns
from watchword.kafka import BadRecord, Heartbeat, Kafka
from watchword.kafka.topic import CLUSTER_LOST, Found, TopicMissing, TopicReader, TopicTrimmed, open_topic

log = structlog.get_logger()

SILENCE_NS = 3_000_000_000
"""A topic whose relay lives has a record each second."""
PROOF = 0.005
"""Seconds between two questions to the owner: what has come from the topic waits for the answer."""


class TopicSilent(Exception):
    """Nothing came for 3 s, not even a heartbeat."""


class KafkaFeed:
    """Another service's log, read from its topic as long as that keeps up with its owner."""

    def __init__(self, owner: RemoteFeed, kafka: Kafka) -> None:
        self.log = owner.log
        self._owner = owner
        self._kafka = kafka
        self._readers: dict[str, _Following] = {}
        self._noticed: dict[str, dict[str, int]] = {}

    def transport(self, reader: str) -> Transport:
        """See Source.transport."""
        following = self._readers.get(reader)
        return Transport("feed") if following is None else following.transport

    async def follow(
        self,
        reader: str,
        max_staleness: float,
        progress: Callable[[], Progress],
        pace: float = 0.0,
        hurry: asyncio.Event | None = None,
    ) -> AsyncGenerator[Batch, None]:
        """See Source.follow. The owner hears of what was applied on `hurry`; without one, at once of a revocation."""
        applied = hurry or asyncio.Event()
        following = self._follow(reader, max_staleness, progress, applied)
        async with aclosing(paced(following, pace) if pace else following) as batches:
            async for batch in batches:
                yield batch
                if hurry is None and revokes(row.type for row in batch.rows):
                    applied.set()

    async def _follow(
        self, reader: str, max_staleness: float, progress: Callable[[], Progress], hurry: asyncio.Event
    ) -> AsyncGenerator[Batch, None]:
        start = progress()
        noticed = self._noticed.setdefault(reader, {})
        merge = Merge(start.applied, start.chain_hash, start.offset, noticed=noticed)
        following = self._readers[reader] = _Following(self.log, reader, merge, progress, hurry)
        tasks = [
            asyncio.ensure_future(following.watched(following.read_owner(self._owner, max_staleness))),
            asyncio.ensure_future(following.watched(following.read_topic(self._kafka))),
        ]
        try:
            while True:
                batch = await following.next()
                if batch.rows or batch.echo:
                    yield batch
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class _Topic:
    """What the topic has next, and whether it was lost."""

    found: deque[Found]
    done: asyncio.Event
    lost: Trouble | None = None


class _Following:
    """One reader: both sources run, and what they bring is taken in one place, in the order in which it came."""

    def __init__(
        self, name: str, reader: str, merge: Merge, progress: Callable[[], Progress], hurry: asyncio.Event
    ) -> None:
        self._log = name
        self._reader = reader
        self._merge = merge
        self._progress = progress
        self._came: asyncio.Queue[Batch | _Topic | Exception] = asyncio.Queue(maxsize=2)
        self._waiting: _Topic | None = None
        self._clock = LogClock()
        self._owner_lost = False
        self._said = merge.trouble
        self._hurry = hurry

    @property
    def transport(self) -> Transport:
        """How it is served now. Without its owner it goes on by heartbeats, but nobody hears its receipts."""
        served = self._merge.transport
        return replace(served, trouble="feed_lost") if self._owner_lost and not served.trouble else served

    async def next(self) -> Batch:
        """What has come from either, as far as it can be taken now. Raises SourceLost where one of them broke."""
        came = await self._came.get()
        if isinstance(came, Exception):
            raise SourceLost(f"reading {self._log} broke: {came!r}") from came
        if isinstance(came, _Topic):
            self._waiting = came
            batch = Batch([], None)
        else:
            batch = self._from_owner(came)
        batch = self._from_topic(batch)
        self._say()
        return batch

    async def watched(self, reading: Coroutine[None, None, None]) -> None:
        """Reads until it is cancelled, or breaks, which `next` raises."""
        try:
            await reading
        except asyncio.CancelledError:
            if cancelled():
                raise
            await self._came.put(SourceLost("a client ended by itself"))
        except Exception as error:  # noqa: BLE001  whatever it is, following has to begin anew
            await self._came.put(error)

    async def read_owner(self, owner: RemoteFeed, max_staleness: float) -> None:
        """Stamps and receipts always, and the events while they are wanted."""
        follow = partial(owner.follow, hurry=self._hurry, patience=PROOF)
        following = follow_for_ever(follow, self._reader, max_staleness, self._reported, self._lost_owner)
        async with aclosing(following) as batches:
            async for batch in batches:
                self._owner_lost = False
                await self._came.put(batch)

    async def read_topic(self, kafka: Kafka) -> None:
        """The records, from where the reader stands; opened anew each second where that fails."""
        while True:
            try:
                async with open_topic(kafka, self._log) as topic:
                    await topic.seek(self._merge.position, self._merge.offset)
                    await self._records(topic)
            except (*CLUSTER_LOST, TopicMissing, TopicSilent) as error:
                log.debug("topic_lost", log=self._log, reason=repr(error))
                lost: Trouble = "topic_trimmed" if isinstance(error, TopicTrimmed) else "topic_lost"
                await self._hand_over(_Topic(deque(), asyncio.Event(), lost))
            await asyncio.sleep(INTERVAL)

    async def _records(self, topic: TopicReader) -> None:
        heard = boot_ns()
        while True:
            found = await topic.read(INTERVAL)
            if found:
                heard = boot_ns()
                await self._hand_over(_Topic(deque(found), asyncio.Event()))
            elif boot_ns() - heard > SILENCE_NS:
                raise TopicSilent

    async def _hand_over(self, topic: _Topic) -> None:
        """Reads no further before these were taken, so that a gap costs one page of memory."""
        await self._came.put(topic)
        await topic.done.wait()

    def _reported(self) -> Progress:
        return replace(self._progress(), stamps_only=self._merge.trouble is None)

    def _lost_owner(self, error: SourceLost) -> None:
        self._owner_lost = True
        log.warning("feed_lost", log=self._log, reader=self._reader, reason=str(error))

    def _from_owner(self, batch: Batch) -> Batch:
        rows = [row for row in batch.rows if self._merge.from_owner(row)]
        if batch.echo is not None:
            self._clock.observe(batch.echo.time)
            self._prove(batch.echo)
        return Batch(rows, batch.echo)

    def _prove(self, echo: Echo) -> None:
        self._merge.heard(echo.head, echo.chain_hash, echo.stamp, boot_ns())

    def _from_topic(self, batch: Batch) -> Batch:
        """Adds what was held of the topic and is proven by now."""
        proof = self._read_on()
        rows = batch.rows + self._merge.proven()
        return Batch(rows, batch.echo or proof, self._merge.offset)

    def _read_on(self) -> Echo | None:
        """Takes what waits of the topic, as far as it can be taken. The proof in a heartbeat, where there is one."""
        waiting, merge, echo = self._waiting, self._merge, None
        if waiting is None:
            return None
        while waiting.found and not merge.beyond(waiting.found[0].what, boot_ns()):
            found = waiting.found.popleft()
            self._one(found)
            if isinstance(found.what, Heartbeat):
                echo = self._proof(found.what) or echo
        if waiting.lost:
            merge.lost(waiting.lost)
        if merge.held:
            self._hurry.set()  # the owner's proof
        if not waiting.found:
            waiting.done.set()
            self._waiting = None
        return echo

    def _one(self, found: Found) -> None:
        try:
            self._merge.from_topic(found.offset, found.what, boot_ns())
        except Exception as error:  # noqa: BLE001  whatever a stranger wrote, it ends no process
            self._merge.from_topic(found.offset, BadRecord(repr(error)), boot_ns())

    def _proof(self, beat: Heartbeat) -> Echo | None:
        """What a heartbeat proves where the owner cannot be asked (RULES 4): it is as old as the larger of the time
        since it arrived and the log's time minus its own. Without the log's time, or an old one, it proves nothing.
        """
        if not self._owner_lost or not self._clock.known:
            return None
        late = max(0, self._clock.now() - beat.time) * 1000
        if late > SILENCE_NS:
            return None
        echo = Echo(beat.position, beat.time, boot_ns() - late, beat.chain_hash, beat.position)
        self._prove(echo)
        return echo

    def _say(self) -> None:
        """Once for each change of transport, which the owner is told at once."""
        trouble = self._merge.trouble
        if trouble == self._said:
            return
        if trouble is None:
            log.info("reading_from_topic", log=self._log, reader=self._reader)
        else:
            log.warning("reading_from_feed", log=self._log, reader=self._reader, reason=trouble)
        if (trouble is None) != (self._said is None):
            self._hurry.set()
        self._said = trouble
