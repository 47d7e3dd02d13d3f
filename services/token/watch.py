"""WatchRevocations: a snapshot, what comes, and proof of how fresh that is (RULES 4)."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any

from chassis.rpc import acting
from chassis.trust import Trust
from eventlog.feed import INTERVAL
from eventlog.projection import Change, MemoryProjection, Put
from eventlog.readers import Reader, Readers, bounded, check_position, check_reader
from eventlog.store import Store
from watchword.revocations import Revocation
from watchword.token.v1 import token_pb2
from watchword.wire import to_message, to_timestamp

BACKLOG = 1_000
PAGE = 1_000


class WatchedTrust(Trust):
    """Trust that tells its watchers. One that cannot keep up is given a new snapshot instead of a backlog."""

    def __init__(self) -> None:
        super().__init__()
        self.watchers: set[Watcher] = set()

    def reset(self, rows: list[Put]) -> None:
        super().reset(rows)
        for watcher in self.watchers:
            watcher.overflow()

    def apply(self, change: Change) -> None:
        super().apply(change)
        if isinstance(change, Put) and change.kind == "revocation":
            for watcher in self.watchers:
                watcher.add(Revocation(**change.value))


class Watcher:
    """What one watcher has not been sent yet. One of `stamps_only` is sent snapshots, and nothing in between."""

    def __init__(self, stamps_only: bool = False) -> None:
        self.stamps_only = stamps_only
        self.wake = asyncio.Event()
        self.waiting: deque[Revocation] | None = None

    def add(self, revocation: Revocation) -> None:
        if self.stamps_only:
            return
        if self.waiting is not None and len(self.waiting) < BACKLOG:
            self.waiting.append(revocation)
        else:
            self.overflow()
        self.wake.set()

    def overflow(self) -> None:
        self.waiting = None
        self.wake.set()


class Watching:
    """The owner's side of WatchRevocations."""

    def __init__(
        self, trust: WatchedTrust, memory: MemoryProjection, store: Store, readers: Readers, now: Callable[[], int]
    ) -> None:
        self._trust = trust
        self._memory = memory
        self._store = store
        self._readers = readers
        self._now = now

    async def serve(
        self, requests: AsyncIterator[Any], context: Any
    ) -> AsyncGenerator[token_pb2.WatchRevocationsResponse, None]:
        """Answers for ever. Nothing is said before this process itself knows what is revoked."""
        opened = await _opened(requests)
        check_reader(opened.reader)
        watcher, reported = Watcher(opened.stamps_only), _Reported(opened, self._readers, self._now)
        listening = asyncio.ensure_future(reported.listen(requests, watcher.wake))
        self._trust.watchers.add(watcher)
        try:
            while not listening.done():
                async for response in self._next(watcher, reported):
                    yield response
            listening.result()
        finally:
            self._trust.watchers.discard(watcher)
            listening.cancel()

    async def _next(self, watcher: Watcher, reported: "_Reported") -> AsyncIterator[token_pb2.WatchRevocationsResponse]:
        watcher.wake.clear()
        if self._memory.stale():
            await asyncio.sleep(INTERVAL / 10)
            return
        freshness = await self._freshness(reported)
        if self._memory.stale():
            # What came while it waited may be a revocation that could not be folded.
            return
        if watcher.waiting is None:
            for page in self._snapshot(watcher):
                yield page
        if watcher.waiting is None:
            # It fell behind while its snapshot was being sent: nothing is proven to it before it has another.
            return
        if watcher.waiting or freshness is not None:
            # No pause between taking what waits and reading the position that it goes up to.
            sent, watcher.waiting, at = list(watcher.waiting), deque(), self._memory.at
            yield token_pb2.WatchRevocationsResponse(
                revocations=map(to_message, sent),
                position=at.position,
                chain_hash=at.chain_hash if watcher.stamps_only else b"",
                freshness=freshness,
            )
        else:
            with suppress(TimeoutError):
                async with asyncio.timeout(INTERVAL):
                    await watcher.wake.wait()

    def _snapshot(self, watcher: Watcher) -> Iterator[token_pb2.WatchRevocationsResponse]:
        # Taken and marked as sent without a pause between, so nothing falls between snapshot and what comes. Written
        # page by page: of many revocations that takes a while, and others have their turn in between.
        known, at = list(self._trust.revocations), self._memory.at
        watcher.waiting = deque()
        last = max(0, len(known) - 1) // PAGE
        for number in range(last + 1):
            page = map(to_message, known[number * PAGE : (number + 1) * PAGE])
            response = token_pb2.WatchRevocationsResponse(revocations=page, snapshot_begins=number == 0)
            if number == last:
                response.snapshot_complete = True
                response.position, response.chain_hash = at.position, at.chain_hash
            yield response

    async def _freshness(self, reported: "_Reported") -> token_pb2.WatchFreshness | None:
        progress = reported.take()
        if progress is None:
            return None
        head = await self._store.head()
        # The watcher may believe the head only once it was sent what lies below; this process is nearly always level.
        if not await self._memory.wait(head.position, INTERVAL):
            return None
        return token_pb2.WatchFreshness(head=head.position, time=to_timestamp(head.now), stamp=progress.stamp)


class _Reported:
    """What a watcher last said of itself."""

    def __init__(self, opened: token_pb2.WatchOpen, readers: Readers, now: Callable[[], int]) -> None:
        self._name = f"{acting().caller.label}/{opened.reader}"
        self._max_staleness = bounded(opened.max_staleness.ToMicroseconds())
        self._readers = readers
        self._now = now
        self._last: token_pb2.WatchProgress | None = None

    def take(self) -> token_pb2.WatchProgress | None:
        last, self._last = self._last, None
        return last

    async def listen(self, requests: AsyncIterator[Any], wake: asyncio.Event) -> None:
        try:
            async for request in requests:
                applied = check_position(request.progress.applied)
                # It stands among the readers before it is told anything that it may trust.
                await self._readers.report(Reader(self._name, applied, self._max_staleness, self._now()))
                self._last = request.progress
                wake.set()
        finally:
            wake.set()


async def _opened(requests: AsyncIterator[Any]) -> token_pb2.WatchOpen:
    async for request in requests:
        opened: token_pb2.WatchOpen = request.open
        return opened
    return token_pb2.WatchOpen()
