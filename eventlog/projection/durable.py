"""What follows a log with a checkpoint that outlives the process: one of each active per service."""

import asyncio
from abc import ABC, abstractmethod
from contextlib import aclosing, suppress
from dataclasses import replace
from functools import partial

import structlog

from eventlog.errors import Refusal
from eventlog.events import Recorded
from eventlog.feed import INTERVAL, PACE, Progress, Source, SourceLost, Transport, first_of, follow_for_ever
from eventlog.postgres.turn import turn
from eventlog.projection.memory import of_one_log
from eventlog.projection.rows import DATABASE_LOST, Checkpoint, Rows
from watchword.clock import boot_ns
from watchword.freshness import Freshness

log = structlog.get_logger()

LOOK = 0.01
"""Seconds between two looks at what another process may have applied."""


class Durable(ABC):
    """Follows a log with a checkpoint in the database, while this process holds the turn."""

    def __init__(self, name: str, rows: Rows, source: Source, reader: str) -> None:
        self.name = name
        self.rows = rows
        self.source = source
        self._reader = reader
        self._at = Checkpoint(0, b"")
        self._parked: frozenset[str] = frozenset()
        self._freshness: Freshness | None = None
        self._trouble: str | None = None
        self._advanced = asyncio.Event()

    @property
    def transport(self) -> Transport:
        """How it is served now, and what hinders it."""
        served = self.source.transport(self._reader)
        return served if self._trouble is None else replace(served, trouble=self._trouble)

    @property
    def head(self) -> int:
        """The source's head as this process last heard of it; 0 while it is another process's turn."""
        return 0 if self._freshness is None else self._freshness.head

    def age(self) -> float | None:
        """Seconds since what is applied was proven level with its source; None while it is another process's turn."""
        age = None if self._freshness is None else self._freshness.age_ns(boot_ns())
        return None if age is None else age / 1e9

    async def reach(self, position: int) -> None:
        """Returns once `position` has been applied, whichever process does it: at once where it is this one."""
        while self._at.position < position and (await self.rows.checkpoint()).position < position:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK):
                    await self._advanced.wait()

    @abstractmethod
    async def take(self, rows: list[Recorded], offset: int | None) -> None:
        """Applies or parks these rows, which follow the checkpoint, and moves it; `offset` hints where the last stands
        in its topic.
        """

    async def run(self) -> None:
        """Follows for ever, whenever it is this process's turn."""
        while True:
            try:
                async with turn(self.rows.pool, self.name) as mine:
                    await first_of(mine.keep(), self._follow())
            except (SourceLost, *DATABASE_LOST, Refusal) as error:
                log.warning("projection_waits", projection=self.name, reason=repr(error))
                self._trouble = error.code if isinstance(error, SourceLost) else "database_lost"
            self._freshness = None
            await asyncio.sleep(INTERVAL)

    async def _follow(self) -> None:
        await self.rows.begin()
        self._at = await self.rows.checkpoint()
        self._parked = await self.rows.parked()
        freshness = self._freshness = Freshness()
        freshness.applied(self._at.position)
        follow = partial(self.source.follow, pace=PACE)
        following = follow_for_ever(follow, self._reader, 5.0, self._progress, self._lost)
        async with aclosing(following) as batches:
            async for batch in batches:
                if batch.echo is not None:
                    of_one_log(self._at, batch.echo)
                if self._parked:  # another process may have been asked to retry
                    self._parked = await self.rows.parked()
                if batch.rows:
                    await self.take(batch.rows, batch.offset)
                if batch.echo is not None:
                    self._trouble = None
                    freshness.echoed(batch.echo.head, batch.echo.stamp, batch.echo.time)
                freshness.applied(self._at.position)
                self._advanced.set()
                self._advanced = asyncio.Event()

    def _progress(self) -> Progress:
        return Progress(self._at.position, tuple(sorted(self._parked)), self._at.chain_hash, self._at.offset)

    def _lost(self, error: SourceLost) -> None:
        self._trouble = error.code
        log.warning("feed_lost", projection=self.name, reason=str(error))
