"""One's own log, followed from the database."""

import asyncio
from collections.abc import AsyncGenerator, Callable

from eventlog.errors import LogUnavailable
from eventlog.feed.source import (
    PACE,
    PAGE_BYTES,
    PAGE_EVENTS,
    Batch,
    Echo,
    Progress,
    SourceLost,
    Transport,
    next_look,
    revokes,
)
from eventlog.readers import Reader, Readers
from eventlog.store import Store
from watchword.clock import boot_ns


class LocalFeed:
    """One's own log, followed from the database."""

    def __init__(self, log: str, store: Store, readers: Readers, now: Callable[[], int]) -> None:
        self.log = log
        self._store = store
        self._readers = readers
        self._now = now

    async def follow(
        self, reader: str, max_staleness: float, progress: Callable[[], Progress], pace: float = 0.0
    ) -> AsyncGenerator[Batch, None]:
        """See Source.follow."""
        after, due, soonest, grown = progress().applied, 0.0, 0.0, True
        loop = asyncio.get_running_loop()
        try:
            while True:
                # Events first: a revocation among them must not wait for what only proves how fresh they are.
                if grown and (page := await self._store.read(after, PAGE_EVENTS, PAGE_BYTES)):
                    yield Batch(page, None)
                    after = page[-1].position
                    if revokes(row.type for row in page):
                        due = soonest
                    await asyncio.sleep(pace)
                head = after
                if loop.time() >= due:
                    due, soonest = next_look(loop.time()), loop.time() + PACE
                    echo = await self._echo(progress().applied)
                    yield Batch([], echo)
                    await self._report(reader, max_staleness, progress())
                    head = echo.head
                grown = head > after
                if not grown:
                    await self._store.wait(after, due - loop.time())
                    grown = loop.time() < due  # else what proves how fresh it is says how long it is
        except LogUnavailable as error:
            raise SourceLost(f"the log of {self.log} cannot be read: {error.detail}") from error

    async def _echo(self, applied: int) -> Echo:
        stamp = boot_ns()
        head = await self._store.head()
        return Echo(head.position, head.now, stamp, head.chain_hash, applied)

    async def _report(self, reader: str, max_staleness: float, said: Progress) -> None:
        if said.catching_up:
            return
        staleness = int(max_staleness * 1_000_000)
        await self._readers.report(Reader(reader, said.applied, staleness, self._now(), said.parked))

    def transport(self, reader: str) -> Transport:
        """See Source.transport."""
        return Transport("local")
