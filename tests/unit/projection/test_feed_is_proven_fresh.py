"""A feed proves how fresh it is, or does not answer (RULES 4)."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from eventlog.errors import LogUnavailable
from eventlog.feed import SourceLost
from eventlog.readers import MemoryReaders
from eventlog.store import Head, MemoryStore
from tests.unit.projection.following import Follower, Open, all_ways
from tests.unit.projection.notes import SlowReaders, feed_of, written
from watchword.clock import boot_ns
from watchword.log.v1 import log_pb2


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
