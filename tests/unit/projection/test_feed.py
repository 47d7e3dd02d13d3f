"""A log leaves its service in order, without its sealed parts, and is read no more often than it must be (RULES 4)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.errors import Kind, Refusal
from eventlog.events import Recorded
from eventlog.feed import INTERVAL, PAGE_EVENTS, RemoteFeed, SourceLost
from eventlog.feed.source import next_look
from eventlog.readers import MemoryReaders
from eventlog.store import MemoryStore
from tests.unit.projection.following import Follower, Open, all_ways, over_grpc
from tests.unit.projection.notes import Written, feed_of, served, until, write, written
from watchword.chain import GENESIS, link
from watchword.log.v1 import log_pb2


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
