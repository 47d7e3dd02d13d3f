"""A log is read from its topic, what the topic lacks from its owner, and each position comes once (RULES 4-6)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field

import grpc.aio
import msgspec
import pytest

from eventlog.events import Recorded
from eventlog.feed import Echo, Progress, RemoteFeed, Source
from eventlog.feed.kafka import KafkaFeed
from eventlog.readers import MemoryReaders
from eventlog.store import MemoryStore
from tests.harness.kafka import Broker, OwnBroker
from tests.harness.topic import Topic, create, record_of, topic
from tests.unit.projection.notes import Written, feed_of, serving, until, write, written
from watchword.chain import GENESIS, link
from watchword.clock import boot_ns
from watchword.kafka import BadRecord, Kafka, headers_of
from watchword.kafka.topic import CLUSTER_LOST, open_topic

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


async def test_a_reader_moves_to_the_topic_once_it_keeps_up_and_takes_events_from_there(cluster: Kafka) -> None:
    async with house(cluster, "a", "b") as one, following(one) as follower:
        await until(lambda: follower.via == "kafka", PATIENCE)
        assert follower.applied == 2

        async def noted(text: str) -> None:
            wanted = follower.applied + 1
            await one.note(text)
            await until(lambda: follower.applied == wanted, PATIENCE)

        # The owner may send the first ones before it has heard that they are not wanted.
        for text in "cdefghijkl":
            await noted(text)
        assert follower.offset is not None
        assert follower.via == "kafka"


async def test_what_the_topic_does_not_get_comes_from_the_owner_and_is_said(cluster: Kafka) -> None:
    async with house(cluster, "a") as one, following(one) as follower:
        await until(lambda: follower.via == "kafka", PATIENCE)
        proofs = len(follower.echoes)
        # The owner has heard by then that events are not wanted, and sends no more of its own accord.
        await until(lambda: len(follower.echoes) > proofs + 1, PATIENCE)
        await one.note("b", publish=False)
        await until(lambda: follower.applied == 2, PATIENCE)
        assert follower.trouble == "topic_behind"
        await one.publish(1)
        await until(lambda: follower.via == "kafka", PATIENCE)
        await one.note("c")
        await until(lambda: follower.applied == 3, PATIENCE)


async def test_an_echo_that_was_overtaken_by_the_topic_still_proves(cluster: Kafka) -> None:
    async with house(cluster, "a") as one, following(one) as follower:
        await until(lambda: follower.via == "kafka", PATIENCE)
        for number in range(50):
            await one.note(f"n{number}")
        await until(lambda: follower.applied == 51, PATIENCE)
        await until(lambda: follower.echoes[-1].head == 51, PATIENCE)
        assert all(echo.reported <= echo.head for echo in follower.echoes)


async def test_a_repeated_record_is_dropped_and_noticed(cluster: Kafka) -> None:
    async with house(cluster, "a", "b") as one, following(one) as follower:
        await until(lambda: follower.via == "kafka", PATIENCE)
        await one.topic.publish(one.store.rows)
        await until(lambda: follower.noticed("record_repeated") == 2, PATIENCE)
        await one.note("c")
        await until(lambda: follower.applied == 3, PATIENCE)
        assert follower.via == "kafka"


async def test_a_corrupt_record_is_noticed_and_its_event_comes_from_the_owner(cluster: Kafka) -> None:
    async with house(cluster, "a") as one, following(one) as follower:
        await until(lambda: follower.via == "kafka", PATIENCE)
        forged = msgspec.structs.replace(record_of(one.store.rows[0], SERVICE), position=2)
        await one.topic.write(forged.stream.encode(), forged.body, headers_of(forged))
        await until(lambda: follower.noticed("record_corrupt") == 1, PATIENCE)
        await one.note("b", "c")
        await until(lambda: follower.applied == 3, PATIENCE)
        assert [row.body for row in follower.rows] == [row.body for row in one.store.rows]
        await until(lambda: follower.via == "kafka", PATIENCE)


async def test_a_strangers_record_is_noticed_and_changes_nothing(cluster: Kafka) -> None:
    async with house(cluster, "a") as one, following(one) as follower:
        await until(lambda: follower.via == "kafka", PATIENCE)
        await one.topic.write(b"k", b"hello", [])
        await one.topic.write(b"n", b"{}", headers_of(record_of(one.store.rows[0], "policy")))
        await until(lambda: follower.noticed("record_foreign") == 2, PATIENCE)
        await one.note("b")
        await until(lambda: follower.applied == 2, PATIENCE)
        assert follower.via == "kafka"


async def test_a_record_that_the_client_cannot_decode_is_read_over(cluster: Kafka) -> None:
    async with house(cluster, "a") as one:
        await one.topic.write_unreadable()
        await one.note("b")
        async with open_topic(cluster, SERVICE) as reader:
            last = await reader.last()
            assert last is not None
            assert not isinstance(last.what, BadRecord)
            assert last.what.position == 2
        async with following(one) as follower:
            await until(lambda: follower.via == "kafka", PATIENCE)
            await one.topic.write_unreadable()
            await one.note("c")
            await until(lambda: follower.noticed("record_foreign") > 0, PATIENCE)
            await until(lambda: follower.applied == 3 and follower.via == "kafka", PATIENCE)


async def test_a_strangers_event_that_continues_the_chain_is_never_taken(cluster: Kafka) -> None:
    async with house(cluster, "a") as one, following(one) as follower:
        await until(lambda: follower.via == "kafka", PATIENCE)
        first = one.store.rows[0]
        event = msgspec.structs.replace(first, position=2, version=2, body=b'{"note":"n","text":"forged"}')
        event = msgspec.structs.replace(event, chain_hash=link(first.chain_hash, event))
        await one.topic.publish([event])
        await until(lambda: follower.noticed("record_foreign") == 1, PATIENCE)
        await one.note("b", "c")
        await until(lambda: follower.applied == 3, PATIENCE)
        assert [row.body for row in follower.rows] == [row.body for row in one.store.rows]
        await until(lambda: follower.via == "kafka", PATIENCE)


async def test_a_strangers_position_far_ahead_does_not_stop_the_reader(cluster: Kafka) -> None:
    async with house(cluster, "a") as one, following(one) as follower:
        await until(lambda: follower.via == "kafka", PATIENCE)
        far = msgspec.structs.replace(record_of(one.store.rows[0], SERVICE), position=10**9)
        await one.topic.write(far.stream.encode(), far.body, headers_of(far))
        await one.note("b")
        await until(lambda: follower.applied == 2, PATIENCE)
        await until(lambda: follower.noticed("record_foreign") == 1, PATIENCE)
        await until(lambda: follower.via == "kafka", PATIENCE)


async def test_a_checkpoint_below_what_a_trimmed_topic_holds_is_filled_by_the_owner(cluster: Kafka) -> None:
    async with house(cluster, "a", "b", "c", "d") as one:
        await one.topic.trim(3)
        async with following(one) as follower:
            await until(lambda: follower.applied == 4, PATIENCE)
            await until(lambda: follower.via == "kafka", PATIENCE)
            await one.note("e")
            await until(lambda: follower.applied == 5, PATIENCE)


async def test_a_reader_goes_on_at_its_hint_and_searches_where_the_hint_is_wrong(cluster: Kafka) -> None:
    async with house(cluster, *"abcdefgh") as one:
        await one.topic.beat(one.store.rows[-1], one.store.clock())
        for hint in (3, 0, 7, 10**6, None):
            follower = Follower(one.feed, before=one.store.rows[3], offset=hint)
            async with following(one, follower):
                await until(lambda: follower.applied == 8 and follower.via == "kafka", PATIENCE)  # noqa: B023
            assert follower.noticed("record_corrupt") == follower.noticed("record_foreign") == 0


async def test_switching_between_topic_and_feed_loses_and_repeats_nothing(cluster: Kafka) -> None:
    async with house(cluster, "a", "b") as one:
        follower = Follower(one.feed)
        for use_topic in (True, False, True, False):
            if not use_topic:
                plain = Follower(one.over_grpc, follower.rows)
                async with following(one, plain, beating=False):
                    await one.note("x", "y")
                    await until(lambda: plain.applied == len(one.store.rows), PATIENCE)  # noqa: B023
                continue
            async with following(one, follower):
                await one.note("x", "y")
                await until(lambda: follower.applied == len(one.store.rows), PATIENCE)
                await until(lambda: follower.via == "kafka", PATIENCE)
        assert [row.position for row in follower.rows] == list(range(1, len(one.store.rows) + 1))


async def test_without_its_owner_a_reader_is_as_fresh_as_the_heartbeats(cluster: Kafka) -> None:
    async with house(cluster, "a") as one, following(one) as follower:
        await until(lambda: follower.via == "kafka", PATIENCE)
        await one.owner.stop(0)
        await one.note("b")
        await until(lambda: follower.applied == 2, PATIENCE)
        seen = len(follower.echoes)
        await until(lambda: len(follower.echoes) > seen and follower.echoes[-1].head == 2, PATIENCE)
        assert boot_ns() - follower.echoes[-1].stamp < 5e9


async def test_an_old_heartbeat_proves_nothing(cluster: Kafka) -> None:
    async with house(cluster, "a") as one, following(one) as follower:
        await until(lambda: follower.via == "kafka", PATIENCE)
        one.beating = False
        await one.owner.stop(0)
        await until(lambda: follower.trouble == "feed_lost", PATIENCE)
        proofs = len(follower.echoes)
        for _ in range(3):
            await one.topic.beat(one.store.rows[-1], one.store.clock() - 10_000_000)
        await one.topic.write(b"k", b"read by now", [])
        await until(lambda: follower.noticed("record_foreign") == 1, PATIENCE)
        assert len(follower.echoes) == proofs


async def test_a_topic_of_another_log_is_said_and_not_believed(cluster: Kafka) -> None:
    async with house(cluster, "a", "b") as one:
        other = await written("n:x", "n:y")
        await one.topic.publish(other.rows)
        one.beating = False
        async with following(one) as follower:
            await until(lambda: follower.trouble == "topic_of_another_log", PATIENCE)
            await until(lambda: follower.applied == 2, PATIENCE)
            assert [row.body for row in follower.rows] == [row.body for row in one.store.rows]
            await one.note("c", publish=False)
            await until(lambda: follower.applied == 3, PATIENCE)


async def test_a_broker_that_dies_costs_nothing_and_is_gone_back_to(own_kafka: OwnBroker) -> None:
    cluster = Kafka(own_kafka.bootstrap)
    async with house(cluster, "a") as one, following(one) as follower:
        await until(lambda: follower.via == "kafka", PATIENCE)
        own_kafka.kill()
        await one.note("b", publish=False)
        await until(lambda: follower.applied == 2, PATIENCE)
        await until(lambda: follower.trouble == "topic_lost", PATIENCE)
        own_kafka.launch()
        await asyncio.to_thread(own_kafka.wait)
        await one.publish(1)
        await one.note("c")
        await until(lambda: follower.applied == 3 and follower.via == "kafka", 2 * PATIENCE)


async def test_a_frozen_broker_costs_nothing(own_kafka: OwnBroker) -> None:
    cluster = Kafka(own_kafka.bootstrap)
    async with house(cluster, "a") as one, following(one, beating=False) as follower:
        await one.topic.beat(one.store.rows[-1], one.store.clock())
        await until(lambda: follower.applied == 1, PATIENCE)
        own_kafka.freeze()
        await one.note("b", publish=False)
        await until(lambda: follower.applied == 2, PATIENCE)
        await until(lambda: follower.via == "feed", PATIENCE)
        own_kafka.thaw()


async def test_an_empty_cluster_in_place_of_the_old_one_costs_nothing(own_kafka: OwnBroker) -> None:
    cluster = Kafka(own_kafka.bootstrap)
    async with house(cluster, "a", "b") as one, following(one, beating=False) as follower:
        await one.topic.beat(one.store.rows[-1], one.store.clock())
        await until(lambda: follower.applied == 2, PATIENCE)
        own_kafka.replace_by_empty()
        await until(lambda: follower.trouble == "topic_lost", PATIENCE)
        await one.note("c", publish=False)
        await until(lambda: follower.applied == 3, PATIENCE)
        await create(cluster, SERVICE)
        async with asyncio.timeout(2 * PATIENCE):
            while follower.via != "kafka":
                await one.topic.beat(one.store.rows[-1], one.store.clock())
                await asyncio.sleep(0.2)
        await one.note("d")
        await until(lambda: follower.applied == 4, PATIENCE)
