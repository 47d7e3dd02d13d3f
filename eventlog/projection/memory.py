"""A projection in memory, in every process: starts from the table's rows and follows."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Protocol

import structlog

from eventlog.events import Recorded
from eventlog.feed import INTERVAL, Batch, Echo, Progress, Source, SourceLost, Transport, follow_for_ever
from eventlog.projection.change import Change, Drop, DropGroup, Patch, Projection, Put, Value
from eventlog.projection.linked import linked, whole
from eventlog.projection.rows import DATABASE_LOST, Checkpoint, Rows
from watchword.chain import GENESIS
from watchword.clock import boot_ns
from watchword.freshness import Freshness

log = structlog.get_logger()

HISTORY = 100
"""Rows in one batch from which on they are history, rather than what all followers are given at the same time."""


class Sink(Protocol):
    """What the changes are applied to."""

    def reset(self, rows: list[Put]) -> None:
        """Forget everything, then take these."""
        ...

    def apply(self, change: Change) -> None: ...


class Unkept:
    """Takes the place of rows in memory where the table is asked, and only how far a log is known matters."""

    def reset(self, rows: list[Put]) -> None:
        """See Sink."""

    def apply(self, change: Change) -> None:
        """See Sink."""


class MemoryRows:
    """Rows in memory, by key and by what they belong to."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Put]] = defaultdict(dict)
        self._groups: dict[tuple[str, str], set[str]] = defaultdict(set)

    def get(self, kind: str, key: str) -> Value | None:
        row = self.find(kind, key)
        return None if row is None else row.value

    def find(self, kind: str, key: str) -> Put | None:
        """The row with what it belongs to."""
        return self._rows[kind].get(key)

    async def learn(self, wanted: Collection[tuple[str, str]]) -> None:
        """All rows are here; `Lookup` looks for them."""

    def group(self, kind: str, belongs: str) -> dict[str, Value]:
        return {key: self._rows[kind][key].value for key in sorted(self._groups.get((kind, belongs), ()))}

    def all(self, kind: str) -> dict[str, Value]:
        return {key: row.value for key, row in sorted(self._rows[kind].items())}

    def reset(self, rows: list[Put]) -> None:
        self._rows.clear()
        self._groups.clear()
        for row in rows:
            self.apply(row)

    def apply(self, change: Change) -> None:
        match change:
            case Put(kind, key, _, belongs):
                rows = self._rows[kind]
                before = rows.get(key)
                if before is not None and before.belongs != belongs:
                    self.drop(kind, key)
                rows[key] = change
                self._groups[kind, belongs].add(key)
            case Patch(kind, key, fields):
                row = self._rows[kind].get(key)
                if row is not None:
                    self._rows[kind][key] = Put(kind, key, row.value | fields, row.belongs)
            case Drop(kind, key):
                self.drop(kind, key)
            case DropGroup(kind, belongs, spare):
                for key in list(self._groups.get((kind, belongs), ())):
                    if key != spare:
                        self.drop(kind, key)

    def drop(self, kind: str, key: str) -> None:
        row = self._rows[kind].pop(key, None)
        if row is None:
            return
        group = self._groups[kind, row.belongs]
        group.discard(key)
        if not group:
            del self._groups[kind, row.belongs]


class MemoryProjection:
    """Follows a log into memory, and knows how old what it knows is.

    Of the table's rows it takes those of `kinds` at its start; all of them where that is None.
    """

    def __init__(
        self,
        projection: Projection,
        rows: Rows,
        source: Source,
        sink: Sink,
        reader: str,
        max_staleness: float = 5.0,
        kinds: Sequence[str] | None = None,
    ) -> None:
        self.projection = projection
        self.max_staleness = max_staleness
        self._parked: dict[str, int] = {}
        self._rows = rows
        self._source = source
        self._sink = sink
        self._kinds = kinds
        self._reader = reader
        self._at: Checkpoint | None = None
        self._freshness = Freshness()
        self._advanced = asyncio.Event()
        self._observers: list[Callable[[int], None]] = []
        self._trouble: str | None = None

    @property
    def applied(self) -> int:
        return 0 if self._at is None else self._at.position

    @property
    def at(self) -> Checkpoint:
        """The last position that was applied, and the log's chain hash there."""
        return self._at or Checkpoint(0, GENESIS)

    @property
    def parked(self) -> frozenset[str]:
        """Streams of which an event could not be folded."""
        return frozenset(self._parked)

    @property
    def head(self) -> int:
        """The owner's head as last heard of."""
        return max(self._freshness.head, self.applied)

    @property
    def ready(self) -> bool:
        """Whether it has once been level with its source."""
        return self.age() is not None

    @property
    def transport(self) -> Transport:
        """How it is served now, and what hinders it."""
        served = self._source.transport(self._reader)
        return served if self._trouble is None else replace(served, trouble=self._trouble)

    def age(self) -> float | None:
        """Seconds since the newest moment whose truth is proven to be known here; None where there is none yet."""
        age = self._freshness.age_ns(boot_ns())
        return None if age is None else age / 1e9

    def age_ns(self) -> int | None:
        """For a verifier: nanoseconds, None where nothing is proven or a parked event may be a revocation."""
        return None if self._parked else self._freshness.age_ns(boot_ns())

    def stale(self) -> bool:
        """Whether answers that rest on this must be refused: too old, or with events that it could not fold."""
        age = self.age()
        return bool(self._parked) or age is None or age > self.max_staleness

    def park(self, streams: Collection[str]) -> None:
        """The table, from which what is not held here is looked up, lacks events of these streams."""
        for stream in streams:
            self._parked.setdefault(stream, self.applied)

    def on_time(self, observe: Callable[[int], None]) -> None:
        """`observe` hears the log's time (µs since 1970) with each proof of freshness."""
        self._observers.append(observe)

    async def wait(self, position: int, timeout: float) -> bool:
        """Whether `position` has been applied, within `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                while self.applied < position:
                    await self._advanced.wait()
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Follows for ever."""
        while True:
            try:
                await self._load()
                await self._follow()
            except (SourceLost, *DATABASE_LOST) as error:
                self._lost(error)
                await asyncio.sleep(INTERVAL)

    async def _follow(self) -> None:
        following = follow_for_ever(self._source.follow, self._reader, self.max_staleness, self._progress, self._lost)
        async with aclosing(following) as batches:
            async for batch in batches:
                if not await self._take(batch):
                    return

    def _progress(self) -> Progress:
        at = self._at or Checkpoint(0, GENESIS)
        return Progress(at.position, tuple(sorted(self.parked)), at.chain_hash, at.offset)

    def _lost(self, error: Exception) -> None:
        self._trouble = error.code if isinstance(error, SourceLost) else "database_lost"
        log.warning("feed_lost", projection=self.projection.name, reason=repr(error))

    async def _load(self) -> None:
        loaded = await self._rows.load(self._kinds)
        self._at = loaded.checkpoint
        self._sink.reset(loaded.rows)
        self._parked = dict.fromkeys(loaded.parked, 0)
        self._freshness = Freshness()
        self._freshness.applied(self.applied)
        self._wake()

    async def _take(self, batch: Batch) -> bool:
        """False where it has to start anew from the table."""
        if batch.echo is not None and self._at is not None:
            of_one_log(self._at, batch.echo)
        await self._apply(batch.rows)
        if batch.echo is not None:
            self._trouble = None
            self._freshness.echoed(batch.echo.head, batch.echo.stamp, batch.echo.time)
            for observe in self._observers:
                observe(batch.echo.time)
        self._freshness.applied(self.applied)
        if batch.rows:
            self._at = Checkpoint(self._at.position, self._at.chain_hash, batch.offset) if self._at else None
            self._wake()
        return batch.echo is None or not self._parked or not await self._retried()

    async def _retried(self) -> bool:
        """Whether the table has gone past an event that is parked here, and has not parked it."""
        at = await self._rows.checkpoint()
        parked = await self._rows.parked()
        return any(since <= at.position and stream not in parked for stream, since in self._parked.items())

    def _wake(self) -> None:
        self._advanced.set()
        self._advanced = asyncio.Event()

    async def _apply(self, rows: list[Recorded]) -> None:
        changes, apply = self.projection.changes, self._sink.apply
        judge = linked if len(rows) < HISTORY else whole
        for row in rows:
            at = self._at
            if at is None or row.position <= at.position:
                continue
            continues(at, row, judge)
            if row.stream not in self._parked:
                try:
                    for change in await changes(row):
                        apply(change)
                except DATABASE_LOST:
                    raise
                except Exception as error:
                    self._park(row, error)
            self._at = Checkpoint(row.position, row.chain_hash)

    def _park(self, row: Recorded, error: Exception) -> None:
        self._parked[row.stream] = row.position
        log.error("event_parked", projection=self.projection.name, position=row.position, reason=repr(error))


def continues(at: Checkpoint, row: Recorded, judge: Callable[[bytes, Recorded], bool] = linked) -> None:
    """Raises SourceLost where a row leaves a gap, which following again fills, or does not continue the chain."""
    if row.position != at.position + 1:
        raise SourceLost(f"a gap: {row.position} after {at.position}")
    if not judge(at.chain_hash, row):
        raise SourceLost(f"the chain breaks at {row.position}", "chain_broken")


def of_one_log(at: Checkpoint, echo: Echo) -> None:
    """Raises SourceLost where a head lies below what the owner was told, or is another event: a log that was restored.

    What comes from it would be dropped as known, and its freshness would prove nothing.
    """
    if echo.head < echo.reported or (echo.head == at.position and echo.chain_hash != at.chain_hash):
        raise SourceLost(
            f"its head {echo.head} is of another log than position {at.position} that was applied", "log_restored"
        )
