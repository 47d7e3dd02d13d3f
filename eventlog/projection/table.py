"""A projection in a table, one active per service."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace

import structlog

from eventlog.events import Recorded
from eventlog.feed import Progress, Source, SourceLost, first_of
from eventlog.postgres.turn import turn
from eventlog.projection.bundle import UNFIT, Connection, bundles, write_all
from eventlog.projection.change import Change, Projection
from eventlog.projection.durable import Durable
from eventlog.projection.memory import continues
from eventlog.projection.rebuilding import begin_beside, clear_left, resting, take_place
from eventlog.projection.rows import DATABASE_LOST, Checkpoint, Rows

BREATH = 50

log = structlog.get_logger()

Judged = list[Change] | str
"""What an event changes, or why it cannot be folded."""


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
        try:
            if not await self._at_once(judged, offset):
                await self._commit(judged, offset, savepoints=False)
        except UNFIT:
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

    async def _at_once(self, judged: Sequence[tuple[Recorded, Judged]], offset: int | None) -> bool:
        """Most of what is logged changes few rows here, or none: one statement moves the checkpoint with them. False
        where that does not do, or where another process has moved or holds it.
        """
        if self._parked:
            return False
        at, together = self._at, list[Change]()
        for row, changes in judged:
            if isinstance(changes, str):
                return False
            if row.position > at.position:
                continues(at, row)
                at = Checkpoint(row.position, row.chain_hash, offset if row is judged[-1][0] else None)
                together += changes
        changed, *more = bundles(together)
        if more or not changed.whole or not await self.rows.move(self._at, at, changed):
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
        except UNFIT as error:
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
