"""Who reads a log, and how far each has come: the receipts behind `wait: applied` (RULES 4, 7).

Every process of a service writes what its readers report into one table, so that any of them can answer for all.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Protocol

import asyncpg
import msgspec

from eventlog.errors import Kind, Refusal
from eventlog.postgres.connection import fetch
from watchword.freshness import LONGEST_STALENESS
from watchword.log.v1 import log_pb2

STALENESS = 5_000_000
MAX_STALENESS = LONGEST_STALENESS // timedelta(microseconds=1)
MAX_NAME = 128
MAX_FOLLOWERS = 64
MAX_POSITION = 2**63 - 1


def check_reader(name: str) -> None:
    """Raises Refusal `reader_invalid` where a stream does not open with its reader's name."""
    if not 0 < len(name) <= MAX_NAME or not name.isprintable():
        reason = f"the first message must be `open`, with the reader's name of at most {MAX_NAME} printable characters"
        raise Refusal(Kind.INVALID, "reader_invalid", reason)


def check_position(position: int) -> int:
    """The position. Raises Refusal `position_invalid` where no log can have come so far."""
    if position > MAX_POSITION:
        raise Refusal(Kind.INVALID, "position_invalid", "no log is as long as that")
    return position


def check_followers(followers: Sequence[log_pb2.Follower]) -> Sequence[log_pb2.Follower]:
    """Those who share a stream. Raises Refusal as the above do, and `reader_invalid` for more than 64."""
    if len(followers) > MAX_FOLLOWERS:
        raise Refusal(Kind.INVALID, "reader_invalid", f"at most {MAX_FOLLOWERS} share a stream")
    for one in followers:
        check_reader(one.reader)
        check_position(one.applied)
    return followers


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
    """The readers of a log in a table beside it. Rows of readers long gone are removed as others report.

    What is reported while a statement is under way goes with the next one: many readers cost no more than a few.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._waiting: dict[str, Reader] = {}
        self._writing = asyncio.Lock()
        self._swept = 0

    async def report(self, reader: Reader) -> None:
        self._waiting[reader.name] = reader
        # One whose stream ends here must not take the others' reports with it.
        taking = asyncio.ensure_future(self._take_turn(reader))
        taking.add_done_callback(_heard)
        await asyncio.shield(taking)

    async def _take_turn(self, reader: Reader) -> None:
        async with self._writing:
            if reader.name not in self._waiting:
                return
            taken, self._waiting = self._waiting, {}
            try:
                await self._write(list(taken.values()))
            except BaseException:
                # Each of the others has its own turn still: none may believe that it stands among the readers.
                self._waiting = {name: one for name, one in taken.items() if name != reader.name} | self._waiting
                raise
            if reader.seen_at > self._swept + MAX_STALENESS:
                self._swept = reader.seen_at
                await self._sweep(reader.seen_at - MAX_STALENESS)

    async def _sweep(self, before: int) -> None:
        await fetch(self._pool, "DELETE FROM log_readers WHERE seen_at + max_staleness < $1", before)

    async def _write(self, readers: Sequence[Reader]) -> None:
        await fetch(
            self._pool,
            """INSERT INTO log_readers (name, applied, max_staleness, seen_at, parked)
               SELECT name, applied, max_staleness, seen_at, ARRAY(SELECT json_array_elements_text(parked::json))
               FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[])
                    reported(name, applied, max_staleness, seen_at, parked)
               ORDER BY name
               ON CONFLICT (name) DO UPDATE SET applied = greatest(log_readers.applied, excluded.applied),
               max_staleness = excluded.max_staleness, seen_at = excluded.seen_at, parked = excluded.parked""",
            [reader.name for reader in readers],
            [reader.applied for reader in readers],
            [reader.max_staleness for reader in readers],
            [reader.seen_at for reader in readers],
            [msgspec.json.encode(reader.parked).decode() for reader in readers],
        )

    async def live(self, now: int) -> Sequence[Reader]:
        rows = await fetch(self._pool, "SELECT name, applied, max_staleness, seen_at, parked FROM log_readers")
        readers = [replace(Reader(**row), parked=tuple(row["parked"])) for row in rows]
        return remembered(readers, now)


def _heard(taking: asyncio.Future[None]) -> None:
    # Told to the reader whose turn it was, whose stream may have ended meanwhile.
    if not taking.cancelled():
        taking.exception()


def remembered(readers: Iterable[Reader], now: int) -> list[Reader]:
    return sorted((reader for reader in readers if reader.remembered(now)), key=lambda reader: reader.name)
