"""How far a projection is, and how the checkpoints of a process move on where no row changes: many in one statement."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import asyncpg
import msgspec

GATHER = 0.001
"""Seconds for the others to come: what is logged is heard of by all that follow it at nearly the same time."""

# One that is held elsewhere, by a retry or a process that was stopped, is not waited for here: all would wait for it.
_MOVE = """
WITH moved AS (
    SELECT c.projection, new.*
    FROM unnest($1::text[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bytea[], $6::bigint[])
        new(name, was, was_hash, position, chain_hash, topic_offset)
    LEFT JOIN projection_places p ON p.projection = name
    JOIN projection_checkpoints c ON c.projection = coalesce(place, name)
    WHERE c.position = was AND c.chain_hash = was_hash
    FOR UPDATE OF c SKIP LOCKED
)
UPDATE projection_checkpoints c
SET position = moved.position, chain_hash = moved.chain_hash, topic_offset = moved.topic_offset
FROM moved WHERE c.projection = moved.projection
RETURNING name
"""


class Checkpoint(msgspec.Struct, frozen=True):
    """The last position that was applied, its chain hash, and a hint at which offset of its topic it stands."""

    position: int
    chain_hash: bytes
    offset: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class _Move:
    projection: str
    before: Checkpoint
    at: Checkpoint
    done: asyncio.Future[bool]


class Moves:
    """Moves checkpoints that stand where they are thought to. Those that come at the same time go together."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._waiting: list[_Move] = []
        self._moving: asyncio.Task[None] | None = None

    async def move(self, projection: str, before: Checkpoint, at: Checkpoint) -> bool:
        """False where it does not stand at `before`, or is held elsewhere: then it stays. Raises what the database
        does.
        """
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Move(projection, before, at, done))
        if self._moving is None or self._moving.done():
            self._moving = asyncio.create_task(self._run())
        return await done

    async def _run(self) -> None:
        while self._waiting:
            await asyncio.sleep(GATHER)
            taken, self._waiting = self._waiting, []
            last = {one.projection: one for one in taken}
            try:
                moved = await self._write(list(last.values()))
            except Exception as error:  # whatever it is, those who wait are told
                _fail(taken, error)
            else:
                _answer(taken, {last[name] for name in moved})

    async def _write(self, moves: Sequence[_Move]) -> list[str]:
        async with self._pool.acquire() as connection:
            found = await connection.fetch(
                _MOVE,
                [one.projection for one in moves],
                [one.before.position for one in moves],
                [one.before.chain_hash for one in moves],
                [one.at.position for one in moves],
                [one.at.chain_hash for one in moves],
                [one.at.offset for one in moves],
            )
        return [row["name"] for row in found]


def _answer(taken: Sequence[_Move], moved: Collection[_Move]) -> None:
    for one in taken:
        if not one.done.done():
            one.done.set_result(one in moved)


def _fail(taken: Sequence[_Move], error: Exception) -> None:
    for one in taken:
        if not one.done.done():
            one.done.set_exception(error)
