"""Rows that are too many for memory: read from the table when they are asked for, and as current as memory would be.

The table may lag behind what this process has applied. So the changes that the table may not have yet are kept, and
applied to each row that is read; rows that were read stay, and are kept up to date, up to a bound.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Collection, Sequence
from typing import Protocol

import structlog

from eventlog.errors import Refusal, unavailable
from eventlog.projection.change import Change, DropGroup, Put, Value
from eventlog.projection.memory import MemoryRows
from eventlog.projection.rows import DATABASE_LOST, Found

HELD = 20_000
LAG = 50_000
"""How many changes the table may be behind: past that, nothing can be looked up until it has caught up."""
ATTEMPTS = 5
INTERVAL = 1.0

Key = tuple[str, str]
log = structlog.get_logger()


class Table(Protocol):
    """Where all the rows are; `eventlog.projection.Rows` is one."""

    async def find(self, wanted: Sequence[Key]) -> Found: ...


class Following(Protocol):
    """What applies a log here; a MemoryProjection is one."""

    @property
    def applied(self) -> int: ...

    def park(self, streams: Collection[str]) -> None:
        """The table lacks events of these streams."""
        ...


class Unlearnt(Exception):
    """A row was asked for that could not be looked up."""


class Lookup:
    """Takes the place of rows in memory (see Sink): `learn`, then `get`, with nothing awaited in between.

    `follows` is set to what applies the log to it before that begins.
    """

    follows: Following

    def __init__(self, table: Table, held: int = HELD) -> None:
        self._table = table
        self._held = held
        self._rows = MemoryRows()
        self._known: OrderedDict[Key, None] = OrderedDict()
        self._recent: deque[tuple[int, Change]] = deque()
        self._floor = 0

    def get(self, kind: str, key: str) -> Value | None:
        """The row; None where there is none. Raises Unlearnt."""
        if (kind, key) not in self._known:
            raise Unlearnt(f"{kind} {key}")
        return self._rows.get(kind, key)

    async def learn(self, wanted: Collection[Key]) -> None:
        """Makes these rows known. Raises LogUnavailable, and Refusal where the table lags too far behind."""
        missing = [key for key in dict.fromkeys(wanted) if not self._has(key)]
        if not missing:
            return
        for _ in range(ATTEMPTS):
            found = await self._table.find(missing)
            if self._reaches(found):
                self._take(missing, found)
                return
        raise unavailable("not_yet_applied", "a table lags behind: ask again")

    async def run(self) -> None:
        """For ever: sees how far the table is, so that no more is kept than it lacks."""
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                self._reaches(await self._table.find([]))
            except (Refusal, *DATABASE_LOST) as error:
                log.warning("lookup_waits", reason=repr(error))

    def reset(self, rows: list[Put]) -> None:
        """See Sink; called once it is known what has been applied."""
        self._rows.reset([])
        self._known.clear()
        self._recent.clear()
        self._floor = self.follows.applied

    def apply(self, change: Change) -> None:
        """See Sink; called while the event that it belongs to is the next to be applied."""
        self._recent.append((self.follows.applied + 1, change))
        if len(self._recent) > LAG:
            self._floor = self._recent.popleft()[0]
        if isinstance(change, DropGroup) or (change.kind, change.key) in self._known:
            self._rows.apply(change)

    def _has(self, key: Key) -> bool:
        if key in self._known:
            self._known.move_to_end(key)
            return True
        return False

    def _reaches(self, found: Found) -> bool:
        """Whether all changes that the table lacked then are kept here still. What it has by now need not be kept."""
        if found.position < self._floor:
            return False
        if found.parked:
            self.follows.park(found.parked)
        while self._recent and self._recent[0][0] <= found.position:
            self._recent.popleft()
        self._floor = found.position
        return True

    def _take(self, missing: Sequence[Key], found: Found) -> None:
        """Nothing is awaited between the answer and this: what is kept is all that the table lacks."""
        wanted, rows = frozenset(missing), MemoryRows()
        rows.reset(found.rows)
        for _, change in self._recent:
            if isinstance(change, DropGroup) or (change.kind, change.key) in wanted:
                rows.apply(change)
        for kind, key in missing:
            self._known[kind, key] = None
            row = rows.find(kind, key)
            if row is not None:
                self._rows.apply(row)
        while len(self._known) > max(self._held, len(missing)):
            self._rows.drop(*self._known.popitem(last=False)[0])
