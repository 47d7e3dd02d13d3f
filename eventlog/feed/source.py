"""Where a log is followed from, and following it for ever."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Literal, Protocol

from eventlog.events import Recorded
from watchword.chain import GENESIS

PAGE_EVENTS = 500
PAGE_BYTES = 256 * 1024
INTERVAL = 1.0
FIRST_PAUSE = 0.05
PACE = 0.05
"""Seconds between two reports of one reader, and between two transactions of one table, while there is something to
report or to write all the time: each costs more than what it is about. The first after a pause comes at once.
"""
REVOKING = (".revoked.v1", ".compromised.v1")
"""How the types of events end of which the owner wants to hear at once who has applied them (RULES 4, 7)."""


def next_look(now: float) -> float:
    """When whoever looks each second looks next, by the loop's clock (seconds): all at the same time, so that what they
    ask and report is a statement for all, not for each.
    """
    return (now // INTERVAL + 1) * INTERVAL


@dataclass(frozen=True, slots=True)
class Echo:
    """The owner read `head` after the reader's clock had shown `stamp` (ns), when it had applied `reported`; `time` in
    µs since 1970 by the log's clock. Where followers were reported, `each` says what each of them had applied.
    """

    head: int
    time: int
    stamp: int
    chain_hash: bytes
    reported: int
    each: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What comes next: events in order, or proof of freshness, or both; `offset` is the last event's in the topic."""

    rows: list[Recorded]
    echo: Echo | None
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class Follower:
    """One of those who share a stream: what it has applied, and the streams that it could not go on with.
    `max_staleness` in seconds.
    """

    reader: str
    max_staleness: float
    applied: int
    parked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """What a reader has applied, and the streams that it could not go on with; `offset` is a hint where that stands in
    the topic. With `stamps_only` the owner need not send events. Who is `catching_up` answers nobody yet: it is no
    reader whose receipts anybody waits for. Where `followers` share the stream, they are the readers.
    """

    applied: int
    parked: tuple[str, ...] = ()
    chain_hash: bytes = GENESIS
    offset: int | None = None
    stamps_only: bool = False
    catching_up: bool = False
    followers: tuple[Follower, ...] = ()


@dataclass(frozen=True, slots=True)
class Transport:
    """How a reader is served now: `trouble` is why not as it should be; `noticed` counts what was wrong in a topic."""

    via: Literal["local", "feed", "kafka"]
    trouble: str | None = None
    noticed: Mapping[str, int] = field(default_factory=dict)


def revokes(types: Iterable[str]) -> bool:
    """Whether events of these types are to be reported at once; all others are with the next second's report."""
    return any(one.endswith(REVOKING) for one in types)


class SourceLost(Exception):
    """The feed ended or fell silent: follow again from where you are. `code` is for programs."""

    def __init__(self, detail: str, code: str = "feed_lost") -> None:
        super().__init__(detail)
        self.code = code


class Source(Protocol):
    """Where a log is followed from."""

    @property
    def log(self) -> str: ...

    def follow(
        self, reader: str, max_staleness: float, progress: Callable[[], Progress], pace: float = 0.0
    ) -> AsyncGenerator[Batch, None]:
        """Batches after what `progress` says is applied, for ever. `max_staleness` in seconds. Raises SourceLost.

        Who takes larger pieces gets events each `pace` seconds at most, the first after a quiet time at once.
        """
        ...

    def transport(self, reader: str) -> Transport:
        """How that reader is served now."""
        ...


Follow = Callable[[str, float, Callable[[], Progress]], AsyncGenerator[Batch, None]]


def cancelled() -> bool:
    """Whether this task is being cancelled, rather than met by what a library cancelled of its own."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


async def follow_for_ever(
    follow: Follow,
    reader: str,
    max_staleness: float,
    progress: Callable[[], Progress],
    lost: Callable[[SourceLost], None],
) -> AsyncGenerator[Batch, None]:
    """Follows, and follows again with back-off (0.05 to 1 s) when the source is lost, which `lost` is told once."""
    pause = FIRST_PAUSE
    while True:
        try:
            async with aclosing(follow(reader, max_staleness, progress)) as batches:
                async for batch in batches:
                    yield batch
                    pause = FIRST_PAUSE
        except SourceLost as error:
            if pause == FIRST_PAUSE:
                lost(error)
        except asyncio.CancelledError:
            # Of a call that its own client gave up: taken for the task's, it would end what follows without a word.
            if cancelled():
                raise
            lost(SourceLost("a client ended by itself"))
        await asyncio.sleep(pause)
        pause = min(1.0, pause * 2)
