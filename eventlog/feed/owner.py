"""The owner's side of the feed: EventLogService.Read (RULES 4)."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

import grpc

from eventlog.errors import LogUnavailable
from eventlog.events import Recorded
from eventlog.feed.source import INTERVAL, PAGE_BYTES, PAGE_EVENTS
from eventlog.feed.wire import to_event
from eventlog.readers import Reader, Readers, bounded, check_followers, check_position, check_reader
from eventlog.store import Store
from watchword.log.v1 import log_pb2, log_pb2_grpc
from watchword.wire import to_timestamp

UNTOLD = 2 * INTERVAL
"""Seconds after which the log is looked at for a reader who does not report: whoever tells how long it is may have lost
its connection. With each report it is seen anyway."""


class EventLogFeed(log_pb2_grpc.EventLogServiceServicer):
    """The owner's side. A slow reader costs one page of memory: nothing is read before the last page was taken.

    `named` puts before a reader's name whose certificate it reads with, so that nobody reports for another.
    """

    def __init__(self, store: Store, readers: Readers, now: Callable[[], int], named: Callable[[str], str]) -> None:
        self._store = store
        self._readers = readers
        self._now = now
        self._named = named
        self._stopping = False
        self._open: set[_Reading] = set()

    def stop(self) -> None:
        """Ends every stream, so that the process can go."""
        self._stopping = True
        for reading in self._open:
            reading.wake()

    async def Read(self, request_iterator: Any, context: Any) -> AsyncGenerator[log_pb2.ReadResponse, None]:
        """EventLogService.Read."""
        opened = await _opened(request_iterator)
        check_reader(opened.reader)
        check_position(opened.after)
        feed = _Reading(self._store, self._readers, self._now, self._named, opened)
        listening = asyncio.ensure_future(feed.listen(request_iterator))
        self._open.add(feed)
        try:
            with self._store.tell(feed.grew):
                while not self._stopping and not listening.done():
                    response = await feed.next()
                    if response is not None:
                        yield response
            if listening.done():
                listening.result()
        except LogUnavailable:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the log cannot be read now")
        finally:
            self._open.discard(feed)
            listening.cancel()


async def _opened(requests: AsyncIterator[log_pb2.ReadRequest]) -> log_pb2.ReadOpen:
    async for request in requests:
        return request.open
    return log_pb2.ReadOpen()


class _Reading:
    """One reader's stream, as the owner sees it."""

    def __init__(
        self,
        store: Store,
        readers: Readers,
        now: Callable[[], int],
        named: Callable[[str], str],
        opened: log_pb2.ReadOpen,
    ) -> None:
        self._store = store
        self._readers = readers
        self._now = now
        self._named = named
        self._opened = opened
        self._after = opened.after
        self._stamps_only = opened.stamps_only
        self._catching_up = opened.catching_up
        self._reported: log_pb2.Progress | None = None
        self._pace = min(opened.pace.ToMicroseconds() / 1e6, INTERVAL)
        self._sent = -INTERVAL
        self._woken = asyncio.Event()
        self._known = opened.after + 1

    def wake(self) -> None:
        """There is something to do, or to stop for."""
        self._woken.set()

    def grew(self, position: int) -> None:
        """The log is as long as that."""
        self._known = max(self._known, position)
        self._woken.set()

    async def listen(self, requests: AsyncIterator[log_pb2.ReadRequest]) -> None:
        try:
            await self._heed(requests)
        finally:
            self.wake()

    async def _heed(self, requests: AsyncIterator[log_pb2.ReadRequest]) -> None:
        async for request in requests:
            check_position(request.progress.applied)
            if not self._catching_up:
                await self._report(request.progress)
            if self._stamps_only and not request.progress.stamps_only:
                self._after = request.progress.applied
            self._stamps_only = request.progress.stamps_only
            self._reported = request.progress
            self.wake()

    async def _report(self, said: log_pb2.Progress) -> None:
        """Who reads stands among the readers before it is told anything that it may trust."""
        opened = self._opened
        alone = log_pb2.Follower(
            reader=opened.reader,
            max_staleness=opened.max_staleness,
            applied=said.applied,
            parked_streams=said.parked_streams,
        )
        readers = [self._reader(one) for one in check_followers(said.followers) or (alone,)]
        await asyncio.gather(*map(self._readers.report, readers))

    def _reader(self, one: log_pb2.Follower) -> Reader:
        staleness = bounded(one.max_staleness.ToMicroseconds())
        return Reader(self._named(one.reader), one.applied, staleness, self._now(), tuple(one.parked_streams))

    async def next(self) -> log_pb2.ReadResponse | None:
        self._woken.clear()
        freshness = await self._freshness()
        now = asyncio.get_running_loop().time()
        pause = 0.0 if self._stamps_only else max(0.0, self._sent + self._pace - now)
        page = [] if self._stamps_only or pause or self._known <= self._after else await self._page()
        if page:
            self._sent = now
        if page or freshness:
            return log_pb2.ReadResponse(events=map(to_event, page), freshness=freshness)
        await self._wait(pause)
        return None

    async def _wait(self, pause: float) -> None:
        try:
            async with asyncio.timeout(pause or UNTOLD):
                await self._woken.wait()
        except TimeoutError:
            if not pause:
                self._known = max(self._known, self._after + 1)

    async def _page(self) -> list[Recorded]:
        after = self._after
        page = await self._store.read(after, PAGE_EVENTS, PAGE_BYTES)
        if self._after != after:
            return []  # the reader has said meanwhile from where it wants them
        if page:
            self._after = page[-1].position
        return page

    async def _freshness(self) -> log_pb2.Freshness | None:
        reported, self._reported = self._reported, None
        if reported is None:
            return None
        head = await self._store.head()
        self._known = max(self._known, head.position)
        return log_pb2.Freshness(
            head=head.position, time=to_timestamp(head.now), stamp=reported.stamp, chain_hash=head.chain_hash
        )


async def first_of(*waits: Any) -> None:
    """Returns when one of them is done; the others are cancelled. Raises what the done one raised."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
