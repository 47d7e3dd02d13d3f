"""Projections in tables, and reactions: one of each active per service, with a checkpoint that outlives the process."""

import asyncio
import uuid
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from functools import partial

import asyncpg
import structlog

from eventlog.errors import Kind, Refusal
from eventlog.events import Event, Recorded
from eventlog.feed import INTERVAL, PACE, Progress, Source, SourceLost, Transport, first_of, follow_for_ever
from eventlog.postgres.turn import turn
from eventlog.projection.bundle import Connection, write_all
from eventlog.projection.change import Change, Decode, Projection
from eventlog.projection.memory import continues, of_one_log
from eventlog.projection.rebuilding import begin_beside, clear_left, resting, take_place
from eventlog.projection.rows import DATABASE_LOST, Checkpoint, Rows
from watchword.clock import boot_ns
from watchword.freshness import Freshness

BREATH = 50

log = structlog.get_logger()

LOOK = 0.01
"""Seconds between two looks at what another process may have applied."""

Judged = list[Change] | str
"""What an event changes, or why it cannot be folded."""

_REACTIONS = uuid.UUID("6f1d2f0c-6f54-4c0f-9f0e-3d6f0a9d5b11")


def reaction_id(source: str, position: int) -> str:
    """The command id of what is done because of an event: the same each time, so that twice is once."""
    return str(uuid.uuid5(_REACTIONS, f"{source}/{position}"))


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


class TableProjection(Durable):
    """Rows and checkpoint in one transaction.

    An event that cannot be folded is parked with all that follows in its stream.
    """

    def __init__(self, projection: Projection, rows: Rows, source: Source, reader: str) -> None:
        super().__init__(projection.name, rows, source, reader)
        self.projection = projection

    async def take(self, rows: list[Recorded], offset: int | None) -> None:
        """See Durable.take."""
        judged = []
        await self._prepared(rows)
        for number, row in enumerate(rows, 1):
            judged.append((row, await self._judged(row)))
            if number % BREATH == 0:  # a page takes a while, and others have their turn in between
                await asyncio.sleep(0)
        if await self._unchanged(judged, offset):
            return
        try:
            await self._commit(judged, offset, savepoints=False)
        except asyncpg.DataError:
            await self._commit(judged, offset, savepoints=True)

    async def _prepared(self, rows: Sequence[Recorded]) -> None:
        """What goes wrong here shows when the row is decoded by itself."""
        try:
            if self.projection.prepare is not None:
                await self.projection.prepare(rows)
        except DATABASE_LOST:
            raise
        except Exception as error:
            log.warning("page_unprepared", projection=self.name, reason=repr(error))

    async def _judged(self, row: Recorded) -> Judged:
        try:
            return await self.projection.changes(row)
        except DATABASE_LOST:
            raise
        except Exception as error:
            log.error("event_parked", projection=self.name, position=row.position, reason=repr(error))
            return repr(error)

    async def _unchanged(self, judged: Sequence[tuple[Recorded, Judged]], offset: int | None) -> bool:
        """Most of what is logged changes nothing here: then one statement moves the checkpoint. False where it does,
        or where another process has moved it.
        """
        if self._parked or any(changes != [] for _, changes in judged):
            return False
        at = self._at
        for row, _ in judged:
            if row.position > at.position:
                continues(at, row)
                at = Checkpoint(row.position, row.chain_hash, offset if row is judged[-1][0] else None)
        if not await self.rows.move(self._at, at):
            return False
        self._at = at
        return True

    async def _commit(self, judged: Sequence[tuple[Recorded, Judged]], offset: int | None, savepoints: bool) -> None:
        async with self.rows.pool.acquire() as connection, connection.transaction():
            place, at = await self.rows.locked(connection)
            parked = await self.rows.parked_on(connection)
            together: list[Change] = []
            for row, changes in judged:
                if row.position <= at.position:
                    continue
                continues(at, row)
                at = Checkpoint(row.position, row.chain_hash, offset if row is judged[-1][0] else None)
                reason = "its stream is parked" if row.stream in parked else None
                if reason is None and not savepoints and not isinstance(changes, str):
                    together += changes
                    continue
                reason = reason or await self._refused(connection, place, changes)
                if reason is not None:
                    await self.rows.park(connection, row, reason)
                    parked |= {row.stream}
            await write_all(connection, place, together)
            await self.rows.advance(connection, at)
        self._at, self._parked = at, parked

    async def _refused(self, connection: Connection, place: str, changes: Judged) -> str | None:
        """Why the changes cannot be made; None where they were."""
        if isinstance(changes, str):
            return changes
        try:
            async with connection.transaction():
                await write_all(connection, place, changes)
        except asyncpg.DataError as error:
            return repr(error)
        return None

    async def retry(self) -> tuple[int, int]:
        """Applies the parked events again, in order. How many were applied, and how many are parked still."""
        applied = 0
        async with self.rows.pool.acquire() as connection, connection.transaction():
            place, _ = await self.rows.locked(connection)
            waiting = await self.rows.parked_rows(connection)
            stuck: set[str] = set()
            for row in waiting:
                if row.stream in stuck or await self._refused(connection, place, await self._judged(row)) is not None:
                    stuck.add(row.stream)
                    continue
                await self.rows.unpark(connection, row.position)
                applied += 1
        self._parked = await self.rows.parked()
        return applied, len(waiting) - applied

    async def rebuild(self) -> int:
        """Builds the rows anew from position 1 beside the old ones, which they replace. The position they stand at.

        What it does in between is little enough that a service under load loses less than a fifth to it. One at a time:
        who asks for a second one waits for the first.
        """
        async with turn(self.rows.pool, f"{self.name}~rebuild") as mine:
            building = asyncio.ensure_future(self._rebuild())
            await first_of(mine.keep(), building)
            return building.result()

    async def _rebuild(self) -> int:
        beside = await begin_beside(self.rows)
        building = TableProjection(replace(self.projection, name=beside.projection), beside, self.source, self._reader)
        building._at = await beside.checkpoint()
        reader = f"{self._reader}~rebuild"
        async with aclosing(self.source.follow(reader, 5.0, building._catching_up)) as batches:
            async for batch in resting(batches):
                if batch.rows:
                    await building.take(batch.rows, batch.offset)
                if building._at.position >= (await self.rows.checkpoint()).position and await take_place(
                    self.rows, beside
                ):
                    break
            else:
                raise SourceLost("the feed ended before the rebuild was done")
        await clear_left(self.rows)
        return building._at.position

    def _catching_up(self) -> Progress:
        return replace(self._progress(), catching_up=True)


class Reaction(Durable):
    """Another service's events → one's own commands, once. A rebuild never runs it."""

    def __init__(
        self,
        name: str,
        rows: Rows,
        source: Source,
        reader: str,
        decode: Decode,
        react: Callable[[Event, Recorded], Awaitable[None]],
    ) -> None:
        super().__init__(name, rows, source, reader)
        self._decode = decode
        self._react = react

    async def take(self, rows: list[Recorded], offset: int | None) -> None:
        """See Durable.take. What is unavailable now is tried again later; what cannot be done is parked."""
        for row in rows:
            if row.position > self._at.position:
                continues(self._at, row)
                reason = await self._done(row)
                if reason is not None:
                    await self._park(row, reason)
                self._at = Checkpoint(row.position, row.chain_hash, offset if row is rows[-1] else None)
        async with self.rows.pool.acquire() as connection:
            await self.rows.advance(connection, self._at)

    async def retry(self) -> tuple[int, int]:
        """Reacts to the parked events again, in order. How many were done, and how many are parked still."""
        applied = 0
        stuck: set[str] = set()
        async with self.rows.pool.acquire() as connection:
            waiting = await self.rows.parked_rows(connection)
            for row in waiting:
                if row.stream in stuck or await self._attempt(row) is not None:
                    stuck.add(row.stream)
                    continue
                await self.rows.unpark(connection, row.position)
                applied += 1
        self._parked = await self.rows.parked()
        return applied, len(waiting) - applied

    async def _done(self, row: Recorded) -> str | None:
        return "its stream is parked" if row.stream in self._parked else await self._attempt(row)

    async def _attempt(self, row: Recorded) -> str | None:
        try:
            event = await self._decode(row)
            if event is not None:
                await self._react(event, row)
        except Refusal as refusal:
            if refusal.kind is Kind.UNAVAILABLE:
                raise
            return str(refusal)
        except DATABASE_LOST:
            raise
        except Exception as error:
            log.error("event_parked", projection=self.name, position=row.position, reason=repr(error))
            return repr(error)
        return None

    async def _park(self, row: Recorded, reason: str) -> None:
        async with self.rows.pool.acquire() as connection, connection.transaction():
            await self.rows.park(connection, row, reason)
            await self.rows.advance(connection, Checkpoint(row.position, row.chain_hash))
        self._parked |= {row.stream}
