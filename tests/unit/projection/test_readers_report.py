"""What readers of a log report to its owner, how often, and which of them others wait for (RULES 4)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from eventlog.events import Recorded
from eventlog.feed import INTERVAL, Progress, RemoteFeed, to_event
from eventlog.readers import MemoryReaders, Reader
from eventlog.store import MemoryStore
from tests.unit.projection.following import REVOKED, Follower, Open, all_ways
from tests.unit.projection.notes import Written, served, until, write, write_raw, written
from watchword.clock import boot_ns
from watchword.log.v1 import log_pb2, log_pb2_grpc


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
