"""Every way to follow a log, and one who follows."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from eventlog.events import Recorded
from eventlog.feed import Batch, LocalFeed, Progress, RemoteFeed, SharedFeed, Source
from eventlog.readers import MemoryReaders
from eventlog.store import MemoryStore
from tests.unit.projection.notes import feed_of, served
from watchword.clock import boot_ns


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
