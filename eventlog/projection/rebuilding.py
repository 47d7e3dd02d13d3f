"""A rebuild's own: where its rows stand meanwhile, how they take the old ones' place, and how little it disturbs.

No statement touches more than some thousand rows, and taking the place changes one: nobody waits for it.
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from pathlib import Path

from eventlog.feed import Batch
from eventlog.postgres.sweep import sweep
from eventlog.projection.rows import Rows

BUSY = 0.1
"""The share of its time from which on the process counts as busy with other things."""
REST_WHEN_BUSY = 12.0
REST_WHEN_IDLE = 0.5
"""For how long it rests after a page, in times that the page took: where others need the core, it leaves them most."""

_SCHEDULED = Path("/proc/self/schedstat")

_PLACED = "SELECT building, leaving FROM projection_places WHERE projection = $1"
_BEGIN = """
INSERT INTO projection_places (projection, place, building) VALUES ($1, $2, $3)
ON CONFLICT (projection) DO UPDATE SET building = excluded.building
"""
_TAKE = "UPDATE projection_places SET place = $2, building = NULL, leaving = $3 WHERE projection = $1"
_LEAVE = "DELETE FROM projection_checkpoints WHERE projection = $1"
_LEFT = "UPDATE projection_places SET building = NULL, leaving = NULL WHERE projection = $1"
# Where a checkpoint stands, a process of an older release, which knows no places, has begun anew.
_CLEAR = "projection = $1 AND NOT EXISTS (SELECT FROM projection_checkpoints WHERE projection = $1)"


async def begin_beside(rows: Rows) -> Rows:
    """Empty rows beside those of a projection; what an earlier rebuild left is cleared away first."""
    await clear_left(rows)
    place = await rows.place()
    name, _, number = place.partition("~")
    beside = Rows(rows.pool, f"{name}~{int(number or 0) + 1}")
    await rows.pool.execute(_BEGIN, rows.projection, place, beside.projection)
    await beside.begin()
    return beside


async def take_place(rows: Rows, beside: Rows) -> bool:
    """The rows beside become the projection's, unless the old ones are further on. True where it was done."""
    async with rows.pool.acquire() as connection, connection.transaction():
        old, theirs = await rows.locked(connection)
        new, ours = await beside.locked(connection)
        if ours.position < theirs.position:
            return False
        await connection.execute(_TAKE, rows.projection, new, old)
        await connection.execute(_LEAVE, old)
    return True


async def clear_left(rows: Rows) -> None:
    """Removes, some at a time, what a rebuild that was broken off has made, and what one that was done has replaced."""
    left = await rows.pool.fetchrow(_PLACED, rows.projection)
    if left is None:
        return
    for place in (left["building"], left["leaving"]):
        if place is not None:
            await _clear(rows, place, broken_off=place == left["building"])
    await rows.pool.execute(_LEFT, rows.projection)


async def _clear(rows: Rows, place: str, broken_off: bool) -> None:
    if broken_off:
        await rows.pool.execute(_LEAVE, place)
    for table in ("projection_parked", "projection_rows"):
        await sweep(rows.pool, table, _CLEAR, place)


async def resting(batches: AsyncGenerator[Batch, None]) -> AsyncGenerator[Batch, None]:
    """The batches, with a rest after each page for as long as others in this process need the core."""
    busy = 1.0
    async for batch in batches:
        began = time.monotonic()
        yield batch
        if batch.rows:
            took = time.monotonic() - began
            busy += (await _busy(took * (REST_WHEN_BUSY if busy > BUSY else REST_WHEN_IDLE)) - busy) / 4


async def _busy(rest: float) -> float:
    """Rests; the share of the time for which the process had other things to do."""
    began, before = time.monotonic(), wanted()
    await asyncio.sleep(rest)
    return (wanted() - before) / (time.monotonic() - began)


def wanted() -> float:
    """Seconds for which this process has had a core, or its first thread, the event loop's, has waited for one.

    Who waits for a core is not idle. Linux tells of the wait (`run_delay`); elsewhere only what was had is known.
    """
    try:
        waited_ns = int(_SCHEDULED.read_text().split()[1])
    except OSError:
        waited_ns = 0
    return time.process_time() + waited_ns / 1e9
