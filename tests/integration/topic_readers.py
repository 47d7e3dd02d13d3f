"""An owner with its log and its topic, and who reads from both."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field

import grpc.aio
import pytest

from eventlog.events import Recorded
from eventlog.feed import Echo, Progress, RemoteFeed, Source
from eventlog.feed.kafka import KafkaFeed
from eventlog.readers import MemoryReaders
from eventlog.store import MemoryStore
from tests.harness.kafka import Broker
from tests.harness.topic import Topic, topic
from tests.unit.projection.notes import Written, feed_of, serving, write, written
from watchword.chain import GENESIS, link
from watchword.kafka import Kafka
from watchword.kafka.topic import CLUSTER_LOST

SERVICE = "notes"
PATIENCE = 20.0


@dataclass
class Follower:
    """Takes what a feed brings, as a projection does: every position once, in order, in chain."""

    feed: Source
    rows: list[Recorded] = field(default_factory=list)
    echoes: list[Echo] = field(default_factory=list)
    offset: int | None = None
    before: Recorded | None = None

    @property
    def applied(self) -> int:
        last = self._last
        return 0 if last is None else last.position

    @property
    def via(self) -> str:
        return self.feed.transport("test/1").via

    @property
    def trouble(self) -> str | None:
        return self.feed.transport("test/1").trouble

    def noticed(self, what: str) -> int:
        return self.feed.transport("test/1").noticed.get(what, 0)

    def progress(self) -> Progress:
        chain_hash = GENESIS if self._last is None else self._last.chain_hash
        return Progress(self.applied, (), chain_hash, self.offset)

    async def run(self) -> None:
        async with aclosing(self.feed.follow("test/1", 5.0, self.progress)) as batches:
            async for batch in batches:
                for row in batch.rows:
                    assert row.position == self.applied + 1
                    previous = GENESIS if self._last is None else self._last.chain_hash
                    assert row.chain_hash == link(previous, row)
                    self.rows.append(row)
                if batch.rows:
                    self.offset = batch.offset
                if batch.echo is not None:
                    self.echoes.append(batch.echo)

    @property
    def _last(self) -> Recorded | None:
        return self.rows[-1] if self.rows else self.before


@dataclass
class House:
    """An owner with its log, its topic, and one who follows both."""

    store: MemoryStore
    topic: Topic
    over_grpc: RemoteFeed
    feed: KafkaFeed
    owner: grpc.aio.Server
    beating: bool = True
    published: Recorded | None = None

    async def note(self, *texts: str, publish: bool = True) -> None:
        """Writes events, and publishes them."""
        before = len(self.store.rows)
        for text in texts:
            await write(self.store, Written(note="n", text=text))
        if publish:
            await self.publish(before)

    async def publish(self, after: int) -> None:
        await self.topic.publish(self.store.rows[after:])
        self.published = self.store.rows[-1]

    async def beat(self) -> None:
        """Heartbeats, as a relay that has published everything."""
        while True:
            if self.beating and self.published:
                with suppress(*CLUSTER_LOST):
                    await self.topic.beat(self.published, self.store.clock())
            await asyncio.sleep(0.2)


@asynccontextmanager
async def house(kafka: Kafka, *texts: str) -> AsyncIterator[House]:
    """An owner whose log and topic hold events already."""
    async with AsyncExitStack() as stack:
        store = await written(*(f"n:{text}" for text in texts))
        server, port = await serving(feed_of(store, MemoryReaders()))
        stack.push_async_callback(server.stop, 0)
        owner = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}"))
        made = await stack.enter_async_context(topic(kafka, SERVICE))
        over_grpc = RemoteFeed(SERVICE, owner)
        one = House(store, made, over_grpc, KafkaFeed(over_grpc, kafka), server)
        await one.publish(0)
        yield one


@asynccontextmanager
async def following(house: House, follower: Follower | None = None, beating: bool = True) -> AsyncIterator[Follower]:
    """One who follows while the context lasts."""
    follower = follower or Follower(house.feed)
    tasks = [asyncio.ensure_future(follower.run())]
    if beating:
        tasks.append(asyncio.ensure_future(house.beat()))
    try:
        yield follower
    finally:
        for task in tasks:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        for one in done:
            if isinstance(one, Exception):
                raise one


@pytest.fixture
def cluster(kafka: Broker, kafka_topics: str) -> Kafka:
    return Kafka(kafka.bootstrap, topics=kafka_topics)
