"""Who reads a log, and how far each has come: the receipts behind `wait: applied` (RULES 4, 7).

Every process of a service writes what its readers report into one table, so that any of them can answer for all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import asyncpg

from eventlog.postgres.connection import fetch

STALENESS = 5_000_000
MAX_STALENESS = 60_000_000


def bounded(max_staleness: int) -> int:
    """What a reader asks to be remembered for, in microseconds: 5 s where it does not say, a minute at most."""
    return min(max_staleness, MAX_STALENESS) if max_staleness > 0 else STALENESS


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader of the log. Times in microseconds since 1970 by the log's clock, `max_staleness` in microseconds."""

    name: str
    applied: int
    max_staleness: int
    seen_at: int
    parked: tuple[str, ...] = ()

    def remembered(self, now: int) -> bool:
        """A reader that vanished may go on trusting what it knows for as long as its `max_staleness`."""
        return now <= self.seen_at + self.max_staleness


class Readers(Protocol):
    """The readers of one log, over all processes of its service."""

    async def report(self, reader: Reader) -> None: ...

    async def live(self, now: int) -> Sequence[Reader]:
        """Those that are remembered at `now`."""
        ...


@dataclass(slots=True)
class MemoryReaders:
    """The readers of a log in memory."""

    _readers: dict[str, Reader] = field(default_factory=dict)

    async def report(self, reader: Reader) -> None:
        self._readers[reader.name] = reader

    async def live(self, now: int) -> Sequence[Reader]:
        return remembered(self._readers.values(), now)


class PostgresReaders:
    """The readers of a log in a table beside it. Rows of readers long gone are removed as others report."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def report(self, reader: Reader) -> None:
        await fetch(
            self._pool,
            """INSERT INTO log_readers (name, applied, max_staleness, seen_at, parked) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (name) DO UPDATE SET applied = greatest(log_readers.applied, excluded.applied),
               max_staleness = excluded.max_staleness, seen_at = excluded.seen_at, parked = excluded.parked""",
            reader.name,
            reader.applied,
            reader.max_staleness,
            reader.seen_at,
            list(reader.parked),
        )

    async def live(self, now: int) -> Sequence[Reader]:
        rows = await fetch(self._pool, "SELECT name, applied, max_staleness, seen_at, parked FROM log_readers")
        readers = [replace(Reader(**row), parked=tuple(row["parked"])) for row in rows]
        gone = [reader.name for reader in readers if not reader.remembered(now - 60_000_000)]
        if gone:
            await fetch(self._pool, "DELETE FROM log_readers WHERE name = ANY($1)", gone)
        return remembered(readers, now)


def remembered(readers: Iterable[Reader], now: int) -> list[Reader]:
    return sorted((reader for reader in readers if reader.remembered(now)), key=lambda reader: reader.name)
