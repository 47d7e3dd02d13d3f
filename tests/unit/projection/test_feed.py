"""A log leaves its service in order, without its sealed parts, and with proof of how fresh it is (RULES 4)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, aclosing, asynccontextmanager, nullcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.errors import Kind, LogUnavailable, Refusal
from eventlog.events import Recorded
from eventlog.feed import (
    INTERVAL,
    PAGE_EVENTS,
    Batch,
    LocalFeed,
    Progress,
    RemoteFeed,
    SharedFeed,
    Source,
    SourceLost,
    to_event,
)
from eventlog.feed.source import next_look
from eventlog.readers import MemoryReaders, Reader
from eventlog.store import Head, MemoryStore
from tests.unit.projection.notes import SlowReaders, Written, feed_of, served, until, write, write_raw, written
from watchword.chain import GENESIS, link
from watchword.clock import boot_ns
from watchword.log.v1 import log_pb2, log_pb2_grpc


@asynccontextmanager
async def over_grpc(store: MemoryStore, readers: MemoryReaders) -> AsyncIterator[Source]:
    async with served(feed_of(store, readers)) as channel:
        yield RemoteFeed("notes", channel)


@asynccontextmanager
async def at_home(store: MemoryStore, readers: MemoryReaders) -> AsyncIterator[Source]:
    yield LocalFeed("notes", store, readers, lambda: boot_ns() // 1000)


@asynccontextmanager
async def shared(store: MemoryStore, readers: MemoryReaders) -> AsyncIterator[Source]:
    async with served(feed_of(store, readers)) as channel:
        yield SharedFeed(RemoteFeed("notes", channel), "all")


REVOKED = "watchword.notes.note.revoked.v1"
all_ways = pytest.mark.parametrize("open_source", [over_grpc, at_home, shared])
Open = Callable[[MemoryStore, MemoryReaders], Any]


class Follower:
    """Takes batches and reports what it has taken."""

    def __init__(self, source: Source, after: int = 0) -> None:
        self.rows: list[Recorded] = []
        self.batches: list[Batch] = []
        self.parked: tuple[str, ...] = ()
        self._after = after
        self._source = source

    def progress(self) -> Progress:
        return Progress(self._after + len(self.rows), self.parked)

    async def until(self, enough: Callable[["Follower"], bool]) -> None:
        async with asyncio.timeout(10), aclosing(self._source.follow("test/1", 5.0, self.progress)) as batches:
            async for batch in batches:
                self.rows += batch.rows
                self.batches.append(batch)
                if enough(self):
                    return


def positions(rows: list[Recorded]) -> list[int]:
    return [row.position for row in rows]


@all_ways
async def test_a_reader_gets_history_and_then_what_comes(open_source: Open) -> None:
    store = await written(*[f"{number}:text" for number in range(PAGE_EVENTS + 20)])
    async with open_source(store, MemoryReaders()) as source:
        follower = Follower(source)
        following = asyncio.create_task(follower.until(lambda one: len(one.rows) == PAGE_EVENTS + 21))
        await until(lambda: len(follower.rows) == PAGE_EVENTS + 20)
        await write(store, Written(note="late", text="comes"))
        await following
    assert positions(follower.rows) == list(range(1, PAGE_EVENTS + 22))


@all_ways
async def test_a_reader_goes_on_after_what_it_has(open_source: Open) -> None:
    store = await written("a:1", "b:1", "c:1")
    async with open_source(store, MemoryReaders()) as source:
        follower = Follower(source, after=2)
        await follower.until(lambda one: bool(one.rows))
    assert positions(follower.rows) == [3]


@all_ways
async def test_freshness_names_a_head_that_was_read_after_the_stamp(open_source: Open) -> None:
    store = await written("a:1", "b:1")
    async with open_source(store, MemoryReaders()) as source:
        before = boot_ns()
        follower = Follower(source)
        await follower.until(lambda one: one.batches[-1].echo is not None and len(one.rows) == 2)
    echo = follower.batches[-1].echo
    assert echo is not None
    assert echo.head == 2
    assert echo.chain_hash == store.rows[-1].chain_hash
    assert before <= echo.stamp <= boot_ns()


@all_ways
async def test_the_owner_learns_what_a_reader_has_applied_and_could_not(open_source: Open) -> None:
    store, readers = await written("a:1", "b:1"), MemoryReaders()
    live: list[Reader] = []

    async with open_source(store, readers) as source:
        follower = Follower(source)
        follower.parked = ("note/x",)
        following = asyncio.create_task(follower.until(lambda _: False))
        async with asyncio.timeout(10):
            while not any(reader.applied == 2 for reader in live):
                await asyncio.sleep(0.01)
                live = list(await readers.live(boot_ns() // 1000))
        following.cancel()
    assert [(reader.name, reader.applied, reader.max_staleness, reader.parked) for reader in live] == [
        ("test/1", 2, 5_000_000, ("note/x",))
    ]


class Reports(MemoryReaders):
    """All that a reader has reported, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[float, int]] = []

    async def report(self, reader: Reader) -> None:
        self.heard.append((asyncio.get_running_loop().time(), reader.applied))

    async def next(self) -> tuple[float, int]:
        count = len(self.heard)
        await until(lambda: len(self.heard) > count)
        return self.heard[count]


@all_ways
async def test_a_revocation_is_reported_at_once_and_all_else_each_second(open_source: Open) -> None:
    store, readers, sooner = MemoryStore(), Reports(), []
    async with open_source(store, readers) as source:
        following = asyncio.create_task(Follower(source).until(lambda _: False))
        for number in range(5):  # a busy machine may take a second for anything, but not each time
            before, _ = await readers.next()
            await write_raw(store, str(number), REVOKED, b"{}")
            after, applied = await readers.next()
            sooner.append(after - before < INTERVAL / 2 and applied == len(store.rows))
        begun, count = (await readers.next())[0], len(readers.heard)
        for number in range(20):
            await write(store, Written(note=str(number), text="is written"))
            await asyncio.sleep(INTERVAL / 20)
        after, applied = await readers.next()
        assert applied == len(store.rows)
        assert len(readers.heard) - count <= 1 + (after - begun) / INTERVAL
        following.cancel()
    assert any(sooner)


async def test_the_sealed_part_never_leaves_and_the_chain_can_be_checked_without_it() -> None:
    store = MemoryStore()
    await write(store, Written(note="a", text="1", author="Alice Liddell"))
    async with over_grpc(store, MemoryReaders()) as source:
        follower = Follower(source)
        await follower.until(lambda one: bool(one.rows))
    (row,) = follower.rows
    assert store.rows[0].sealed is not None
    assert row.sealed is None
    assert b"Liddell" not in row.body
    assert link(GENESIS, row) == row.chain_hash == store.rows[0].chain_hash


class Headless(MemoryStore):
    """A log whose head cannot be read."""

    async def head(self) -> Head:
        raise LogUnavailable


@all_ways
async def test_who_cannot_read_its_head_does_not_answer(open_source: Open) -> None:
    async with open_source(Headless(), MemoryReaders()) as source:
        follower = Follower(source)
        with pytest.raises(SourceLost):
            await follower.until(lambda _: False)
    assert all(batch.echo is None for batch in follower.batches)


OPENED: dict[str, log_pb2.ReadRequest] = {
    "without opening": log_pb2.ReadRequest(progress=log_pb2.Progress(applied=1)),
    "without a name": log_pb2.ReadRequest(open=log_pb2.ReadOpen()),
    "with a long name": log_pb2.ReadRequest(open=log_pb2.ReadOpen(reader="x" * 129)),
    "beyond every log": log_pb2.ReadRequest(open=log_pb2.ReadOpen(reader="x", after=2**63)),
}


@pytest.mark.parametrize("how", OPENED)
async def test_a_reader_that_opens_wrongly_is_refused(how: str) -> None:
    async def requests() -> AsyncIterator[log_pb2.ReadRequest]:
        yield OPENED[how]

    with pytest.raises(Refusal) as refusal:
        await anext(aiter(feed_of(MemoryStore()).Read(requests(), None)))
    assert refusal.value.kind is Kind.INVALID


class Counting(MemoryStore):
    """Counts the pages that were read."""

    pages = 0

    async def read(self, after: int, limit: int, max_bytes: int = 1_000_000) -> list[Recorded]:
        self.pages += 1
        return await super().read(after, limit, max_bytes)


@all_ways
async def test_a_log_that_is_quiet_is_not_read_again_and_again(open_source: Open) -> None:
    store = Counting()
    await write(store, Written(note="a", text="1"))
    async with open_source(store, MemoryReaders()) as source:
        await Follower(source).until(lambda it: sum(batch.echo is not None for batch in it.batches) > 3)
    assert store.pages <= 2


class Deaf(MemoryStore):
    """As where NOTIFY is lost: nobody is told that the log has grown."""

    async def wait(self, after: int, timeout: float) -> None:
        await asyncio.sleep(max(timeout, 0))

    def tell(self, grown: Callable[[int], None]) -> AbstractContextManager[None]:
        return nullcontext()


@all_ways
async def test_what_nobody_told_of_is_found_all_the_same(open_source: Open) -> None:
    store = Deaf()
    async with open_source(store, MemoryReaders()) as source:
        follower = Follower(source)
        following = asyncio.create_task(follower.until(lambda it: len(it.rows) == 2))
        await until(lambda: bool(follower.batches))
        await write(store, Written(note="a", text="1"))
        await until(lambda: bool(follower.rows))
        await write(store, Written(note="b", text="1"))
        await following


@given(st.floats(0, 1e9))
def test_who_looks_each_second_looks_at_the_same_time(now: float) -> None:
    assert now < next_look(now) <= now + INTERVAL
    assert next_look(now) % INTERVAL == 0


async def test_a_slow_reader_costs_the_owner_one_page() -> None:
    store = Counting()
    await write(store, *[Written(note=str(number), text="x" * 2000) for number in range(500)])

    async def opened() -> AsyncIterator[log_pb2.ReadRequest]:
        yield log_pb2.ReadRequest(open=log_pb2.ReadOpen(reader="slow"))
        await asyncio.Event().wait()

    answers = feed_of(store).Read(opened(), None)
    first = await anext(answers)
    await asyncio.sleep(0)
    assert 0 < len(first.events) < 500
    assert store.pages == 1
    await answers.aclose()


async def test_a_reader_stands_among_the_readers_before_it_is_told_how_fresh_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("eventlog.feed.owner.UNTOLD", 0.01)
    readers, stamp = SlowReaders(), boot_ns()

    async def reports() -> AsyncIterator[log_pb2.ReadRequest]:
        yield log_pb2.ReadRequest(open=log_pb2.ReadOpen(reader="orders"))
        yield log_pb2.ReadRequest(progress=log_pb2.Progress(stamp=stamp))
        await asyncio.Event().wait()

    answers = feed_of(MemoryStore(), readers).Read(reports(), None)
    told = asyncio.ensure_future(anext(answers))
    await readers.asked.wait()
    await asyncio.wait([told], timeout=0.3)
    assert not told.done()
    readers.go_on.set()
    async with asyncio.timeout(10):
        assert (await told).freshness.stamp == stamp
    assert [reader.name for reader in await readers.live(boot_ns() // 1000)] == ["orders"]
    await answers.aclose()


class Busy(log_pb2_grpc.EventLogServiceServicer):
    """An owner that sends events, and has no time to answer reports."""

    def __init__(self, rows: list[Recorded]) -> None:
        self.rows = rows
        self.reports = 0
        self.sent = asyncio.Event()

    async def Read(self, requests: Any, context: Any) -> AsyncIterator[log_pb2.ReadResponse]:
        listening = asyncio.ensure_future(self._listen(requests))
        for row in self.rows:
            yield log_pb2.ReadResponse(events=[to_event(row)])
            await asyncio.sleep(0.1)
        self.sent.set()
        await listening

    async def _listen(self, requests: Any) -> None:
        async for request in requests:
            self.reports += request.HasField("progress")


async def test_an_owner_that_does_not_answer_is_asked_again_each_second_and_no_sooner() -> None:
    store = MemoryStore()
    for number in range(20):
        await write_raw(store, str(number), REVOKED, b"{}")
    owner = Busy(store.rows)
    begun = asyncio.get_running_loop().time()
    async with served(owner) as channel:
        follower = Follower(RemoteFeed("notes", channel))
        following = asyncio.create_task(follower.until(lambda _: False))
        async with asyncio.timeout(30):
            await owner.sent.wait()
        asked, seconds = owner.reports, asyncio.get_running_loop().time() - begun
        following.cancel()
    assert 1 <= asked <= 2 + seconds / INTERVAL


async def test_a_stopping_owner_ends_its_streams() -> None:
    store = await written("a:1")
    feed = feed_of(store)
    async with served(feed) as channel:
        follower = Follower(RemoteFeed("notes", channel))
        following = asyncio.create_task(follower.until(lambda _: False))
        await until(lambda: bool(follower.rows))
        feed.stop()
        with pytest.raises(SourceLost):
            await following


async def test_a_reader_is_remembered_for_its_max_staleness_after_it_vanished() -> None:
    readers = MemoryReaders()
    await readers.report(Reader("gone", 3, max_staleness=5_000_000, seen_at=1_000_000))
    assert [reader.name for reader in await readers.live(6_000_000)] == ["gone"]
    assert not await readers.live(6_000_001)


@all_ways
async def test_who_is_catching_up_is_no_reader_that_others_wait_for(open_source: Open) -> None:
    store, readers = await written("a:1"), MemoryReaders()
    async with open_source(store, readers) as source:
        for catching_up, known in ((True, []), (False, ["test/2"])):

            def progress(catching_up: bool = catching_up) -> Progress:
                return Progress(1, catching_up=catching_up)

            echoes = 0
            async with (
                asyncio.timeout(10),
                aclosing(source.follow(f"test/{2 - catching_up}", 5.0, progress)) as batches,
            ):
                async for batch in batches:
                    echoes += batch.echo is not None
                    if echoes == 2:  # what was reported for the first has been heard by then
                        break
            assert [reader.name for reader in await readers.live(0)] == known
