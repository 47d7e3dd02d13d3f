"""Another service's log over one stream, for all who follow it in this process (RULES 4)."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

from eventlog.feed.pace import paced
from eventlog.feed.source import (
    PAGE_BYTES,
    PAGE_EVENTS,
    Batch,
    Echo,
    Follower,
    Progress,
    Source,
    SourceLost,
    Transport,
    revokes,
)
from eventlog.newest import Newest
from eventlog.store import Head


class Hurried(Source, Protocol):
    """A source whose owner hears on `hurry` what has been applied, rather than when a batch was taken."""

    def follow(
        self,
        reader: str,
        max_staleness: float,
        progress: Callable[[], Progress],
        pace: float = 0.0,
        hurry: asyncio.Event | None = None,
    ) -> AsyncGenerator[Batch, None]: ...


class SharedFeed:
    """A log that is read once, however many follow it here; the owner hears of each of them what it has applied.

    Each goes at its own speed: what came last is kept. Who is further behind than that, or reads history for a rebuild,
    has a stream of its own until it has caught up.
    """

    def __init__(self, source: Hurried, reader: str) -> None:
        self.log = source.log
        self._source = source
        self._reader = reader
        self._stream: _Stream | None = None

    def transport(self, reader: str) -> Transport:
        """See Source.transport."""
        return self._source.transport(self._reader)

    async def follow(
        self, reader: str, max_staleness: float, progress: Callable[[], Progress], pace: float = 0.0
    ) -> AsyncGenerator[Batch, None]:
        """See Source.follow."""
        start = progress()
        if start.catching_up:
            following = self._source.follow(reader, max_staleness, progress, pace)
        else:
            following = self._follow(_Member(reader, max_staleness, progress, start.applied))
            following = paced(following, pace) if pace else following
        async with aclosing(following) as batches:
            async for batch in batches:
                yield batch
                if self._stream is not None and revokes(row.type for row in batch.rows):
                    self._stream.hurry.set()

    async def _follow(self, member: "_Member") -> AsyncGenerator[Batch, None]:
        while True:
            stream = self._stream
            if stream is None or stream.over:
                stream = self._stream = _Stream(self._source, self._reader, member)
            if stream.reaches(member):
                with stream.joined(member):
                    while stream.reaches(member):
                        yield await stream.next(member)
            else:
                async with aclosing(self._alone(member)) as batches:
                    async for batch in batches:
                        yield batch

    async def _alone(self, member: "_Member") -> AsyncGenerator[Batch, None]:
        following = self._source.follow(member.reader, member.max_staleness, member.progress)
        async with aclosing(following) as batches:
            async for batch in batches:
                yield member.given(batch)
                if self._stream is None or self._stream.over or self._stream.reaches(member):
                    return


@dataclass(eq=False, slots=True)
class _Member:
    """One of those who follow: up to where it was given the log, and the newest proof that it was not."""

    reader: str
    max_staleness: float
    progress: Callable[[], Progress]
    position: int
    echo: Echo | None = None
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    def given(self, batch: Batch) -> Batch:
        """The batch, which it is given now."""
        if batch.rows:
            self.position = max(self.position, batch.rows[-1].position)
        return batch

    def heard(self, echo: Echo) -> None:
        """An owner's answer proves something to those whose progress it answers."""
        if echo.each is None:
            self.echo = echo
        elif self.reader in echo.each:
            self.echo = replace(echo, reported=echo.each[self.reader])

    def said(self) -> Follower:
        now = self.progress()
        return Follower(self.reader, self.max_staleness, now.applied, now.parked)


class _Stream:
    """The one stream, from where its first member stands, and what came last."""

    def __init__(self, source: Hurried, reader: str, first: _Member) -> None:
        self.hurry = asyncio.Event()
        self._source = source
        self._reader = reader
        self._max_staleness = first.max_staleness
        self._begin = first.progress
        self._newest = Newest(first.position)
        self._offset: int | None = None
        self._members: set[_Member] = set()
        self._taken = asyncio.Event()
        self._reading = asyncio.ensure_future(self._read())
        self._reading.add_done_callback(lambda _: self._wake())

    @property
    def over(self) -> bool:
        """Whether it was lost, or nobody follows it any more."""
        return self._reading.done() or self._reading.cancelling() > 0

    def reaches(self, member: _Member) -> bool:
        """Whether all that the member lacks is kept here, or comes next. Nobody waits for one who is behind."""
        return self._newest.holds(member.position)

    @contextmanager
    def joined(self, member: _Member) -> Iterator[None]:
        """One of those whom it is for, while the context lasts; without any it ends."""
        self._members.add(member)
        self.hurry.set()  # so that the owner knows of it, and its proof of freshness comes
        try:
            yield
        finally:
            self._members.discard(member)
            self._taken.set()
            if not self._members:
                self._reading.cancel()

    async def next(self, member: _Member) -> Batch:
        """What the member lacks, once there is something. Raises SourceLost, after what came before."""
        while True:
            rows = self._newest.page(member.position, PAGE_EVENTS, PAGE_BYTES)
            echo, member.echo = member.echo, None
            if rows or echo is not None:
                at_end = bool(rows) and rows[-1].position == self._newest.last
                return member.given(Batch(rows, echo, self._offset if at_end else None))
            if self._reading.done():
                raise self._lost()
            self._taken.set()
            member.wake.clear()
            await member.wake.wait()

    async def _read(self) -> None:
        following = self._source.follow(self._reader, self._max_staleness, self._progress, hurry=self.hurry)
        async with aclosing(following) as batches:
            async for batch in batches:
                self._take(batch)
                await self._wanted()
        raise SourceLost(f"the feed of {self._source.log} ended")

    def _take(self, batch: Batch) -> None:
        rows = [row for row in batch.rows if row.position > self._newest.last]
        if rows and rows[0].position != self._newest.last + 1:
            raise SourceLost(f"a gap: {rows[0].position} after {self._newest.last}")
        if rows:
            self._newest.add(rows)
            self._offset = batch.offset
        if batch.echo is not None:
            self._prove(batch.echo)
        self._wake()

    def _prove(self, echo: Echo) -> None:
        head, last = Head(echo.head, echo.chain_hash, echo.time), self._newest.last
        came = max((applied for applied in (echo.each or {}).values() if applied <= last), default=0)
        if self._newest.of_another(head, came):
            raise SourceLost(f"its head {echo.head} is of another log than what came before", "log_restored")
        for member in self._members:
            member.heard(echo)

    async def _wanted(self) -> None:
        """Reads no further before somebody has taken all: what is kept is all that waits."""
        while self._members and all(one.position < self._newest.last for one in self._members):
            self._taken.clear()
            await self._taken.wait()

    def _wake(self) -> None:
        for member in self._members:
            member.wake.set()

    def _progress(self) -> Progress:
        """Where the stream would begin anew, so that all who follow it have what comes, and who they are."""
        lowest = min((one.progress() for one in self._members), key=lambda one: one.applied, default=self._begin())
        followers = tuple(one.said() for one in self._members)
        parked = tuple(sorted({stream for one in followers for stream in one.parked}))
        return replace(lowest, parked=parked, followers=followers)

    def _lost(self) -> SourceLost:
        error = None if self._reading.cancelled() else self._reading.exception()
        if error is not None and not isinstance(error, SourceLost):
            raise error
        return SourceLost("a client ended by itself") if error is None else SourceLost(str(error), error.code)
