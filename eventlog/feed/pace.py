"""Taking what follows in larger pieces, where each piece costs much and a moment later is soon enough."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from eventlog.events import Recorded
from eventlog.feed.source import Batch, Echo

AHEAD = 2_000
"""Rows that may wait: past that, the source has to."""


async def paced(batches: AsyncGenerator[Batch, None], pause: float) -> AsyncGenerator[Batch, None]:
    """The same rows in the same order, in one batch each `pause` seconds at most; the first after a quiet time at once.

    What has come meanwhile is one batch with the newest echo. Raises what `batches` raises, after what came before.
    """
    gathered = _Gathered()
    taking = asyncio.ensure_future(gathered.take(batches))
    taking.add_done_callback(lambda _: gathered.some.set())
    try:
        while not taking.done() or gathered.any:
            await gathered.some.wait()
            if gathered.any:
                batch = gathered.give()
                yield batch
                if batch.rows:  # a proof alone costs little, and what comes after it is the first after a quiet time
                    await asyncio.sleep(pause)
        taking.result()
    finally:
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)


class _Gathered:
    """What has come and was not given on."""

    def __init__(self) -> None:
        self.some = asyncio.Event()
        self._room = asyncio.Event()
        self._rows: list[Recorded] = []
        self._echo: Echo | None = None
        self._offset: int | None = None

    @property
    def any(self) -> bool:
        return bool(self._rows) or self._echo is not None

    async def take(self, batches: AsyncGenerator[Batch, None]) -> None:
        async with aclosing(batches):
            async for batch in batches:
                while len(self._rows) >= AHEAD:
                    self._room.clear()
                    await self._room.wait()
                if batch.rows:
                    self._rows += batch.rows
                    self._offset = batch.offset
                self._echo = batch.echo or self._echo
                if self.any:
                    self.some.set()

    def give(self) -> Batch:
        given = Batch(self._rows, self._echo, self._offset)
        self._rows, self._echo, self._offset = [], None, None
        self.some.clear()
        self._room.set()
        return given
