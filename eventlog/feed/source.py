"""Where a log is followed from, and following it for ever."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from eventlog.events import Recorded

PAGE_EVENTS = 500
PAGE_BYTES = 256 * 1024
INTERVAL = 1.0
FIRST_PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class Echo:
    """The owner read `head` after the reader's clock had shown `stamp` (ns); `time` in µs since 1970 by the log's
    clock.
    """

    head: int
    time: int
    stamp: int
    chain_hash: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """What comes next: events in order, or proof of freshness, or both."""

    rows: list[Recorded]
    echo: Echo | None


@dataclass(frozen=True, slots=True)
class Progress:
    """What a reader has applied, and the streams that it could not go on with."""

    applied: int
    parked: tuple[str, ...] = ()


class SourceLost(Exception):
    """The feed ended or fell silent: follow again from where you are."""


class Source(Protocol):
    """Where a log is followed from."""

    @property
    def log(self) -> str: ...

    def follow(
        self, reader: str, max_staleness: float, progress: Callable[[], Progress]
    ) -> AsyncGenerator[Batch, None]:
        """Batches after what `progress` says is applied, for ever. `max_staleness` in seconds. Raises SourceLost."""
        ...


async def follow_for_ever(
    source: Source,
    reader: str,
    max_staleness: float,
    progress: Callable[[], Progress],
    lost: Callable[[SourceLost], None],
) -> AsyncGenerator[Batch, None]:
    """Follows, and follows again with back-off (0.05 to 1 s) when the source is lost, which `lost` is told once."""
    pause = FIRST_PAUSE
    while True:
        try:
            async with aclosing(source.follow(reader, max_staleness, progress)) as batches:
                async for batch in batches:
                    yield batch
                    pause = FIRST_PAUSE
        except SourceLost as error:
            if pause == FIRST_PAUSE:
                lost(error)
        await asyncio.sleep(pause)
        pause = min(1.0, pause * 2)
