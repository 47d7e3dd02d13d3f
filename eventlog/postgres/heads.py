"""Reading the head of a log for many at once."""

import asyncio
from collections.abc import Awaitable, Callable

from eventlog.store import Head


class Heads:
    """One query answers all who asked before it began, and nobody who asked after: what a head proves is never older
    than the question (RULES 4).
    """

    def __init__(self, fetch: Callable[[], Awaitable[Head]]) -> None:
        self._fetch = fetch
        self._running: asyncio.Future[Head] | None = None
        self._next: asyncio.Future[Head] | None = None

    async def read(self) -> Head:
        """The head, read after this call. Raises what reading raises."""
        if self._next is None:
            self._next = asyncio.ensure_future(self._turn(self._running))
            self._next.add_done_callback(_heard)
        return await asyncio.shield(self._next)

    async def _turn(self, before: asyncio.Future[Head] | None) -> Head:
        if before is not None and not before.done():
            await asyncio.wait([before])
        self._running, self._next = self._next, None
        return await self._fetch()


def _heard(read: asyncio.Future[Head]) -> None:
    # Told to those who waited, and there may be nobody left.
    if not read.cancelled():
        read.exception()
