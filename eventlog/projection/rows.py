"""A projection's rows, checkpoint and parked events in the database."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
import msgspec

from eventlog.errors import LogUnavailable
from eventlog.events import Recorded
from eventlog.migrate import PROJECTIONS as SCHEMA
from eventlog.postgres.connection import LOST, fetch
from eventlog.postgres.sweep import sweep
from eventlog.projection.bundle import Bundle, Connection
from eventlog.projection.change import Put, Value
from eventlog.projection.checkpoint import Checkpoint, Moves
from watchword.chain import GENESIS

__all__ = ["SCHEMA", "Checkpoint", "Connection", "Found", "Loaded", "Rows"]

DATABASE_LOST = (*LOST, LogUnavailable)

PAGE = 5000
# A rebuild leaves a projection's rows under another name than its own.
PLACE = "coalesce((SELECT place FROM projection_places WHERE projection = $1), $1)"
CHECKPOINT = f"SELECT position, chain_hash, topic_offset FROM projection_checkpoints WHERE projection = {PLACE}"
LOCKED = f"SELECT projection, position, chain_hash, topic_offset FROM projection_checkpoints WHERE projection = {PLACE}"
PARKED = f"SELECT DISTINCT stream FROM projection_parked WHERE projection = {PLACE}"
# As their indexes have it.
SORT = "AND value ? 'kind' AND value->>'kind' = $5"
FORGET = "projection = $1 AND value ? 'forget_at_us' AND (value->>'forget_at_us')::bigint < $2"

# A bundle with the checkpoint, where that stands at $2; else nothing. No row may be touched twice: what is put stays,
# though it stood in a group that is dropped; what is patched would have to go, so there are groups or patches.
AT_ONCE = f"""
WITH moved AS (
    UPDATE projection_checkpoints SET position = $4, chain_hash = $5, topic_offset = $6
    WHERE projection = {PLACE} AND position = $2 AND chain_hash = $3 RETURNING projection
), put AS (
    INSERT INTO projection_rows AS old (projection, kind, key, belongs, value)
    SELECT moved.projection, kind, key, belongs, value::jsonb
    FROM moved, unnest($7::text[], $8::text[], $9::text[], $10::text[]) new(kind, key, belongs, value)
    ORDER BY kind, key
    ON CONFLICT (projection, kind, key) DO UPDATE SET belongs = excluded.belongs, value = excluded.value
    WHERE (old.belongs, old.value) IS DISTINCT FROM (excluded.belongs, excluded.value)
), patched AS (
    UPDATE projection_rows old SET value = old.value || new.value::jsonb
    FROM moved, unnest($11::text[], $12::text[], $13::text[]) new(kind, key, value)
    WHERE old.projection = moved.projection AND old.kind = new.kind AND old.key = new.key
), dropped AS (
    DELETE FROM projection_rows old USING moved, unnest($14::text[], $15::text[]) gone(kind, key)
    WHERE old.projection = moved.projection AND old.kind = gone.kind AND old.key = gone.key
), cleared AS (
    DELETE FROM projection_rows old
    USING moved, unnest($16::text[], $17::text[], $18::text[]) gone(kind, belongs, spare)
    WHERE old.projection = moved.projection AND old.kind = gone.kind AND old.belongs = gone.belongs AND old.key <> spare
      AND NOT EXISTS (SELECT FROM unnest($7::text[], $8::text[]) new(kind, key)
                      WHERE new.kind = old.kind AND new.key = old.key)
)
SELECT projection FROM moved
"""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Rows, checkpoint and parked streams as of one moment."""

    rows: list[Put]
    checkpoint: Checkpoint
    parked: frozenset[str]


@dataclass(frozen=True, slots=True)
class Found:
    """Some rows, and the position and parked streams with which they stood."""

    rows: list[Put]
    position: int
    parked: frozenset[str]


class Rows:
    """The rows of one projection. `moves` is shared by those of a process."""

    def __init__(self, pool: asyncpg.Pool, projection: str, moves: Moves | None = None) -> None:
        self.pool = pool
        self.projection = projection
        self._moves = moves or Moves(pool)

    async def get(self, kind: str, key: str) -> Value | None:
        query = f"SELECT value::text FROM projection_rows WHERE projection = {PLACE} AND kind = $2 AND key = $3"
        found = await fetch(self.pool, query, self.projection, kind, key)
        return msgspec.json.decode(found[0]["value"], type=Value) if found else None

    async def group(self, kind: str, belongs: str) -> dict[str, Value]:
        """The rows of a kind that belong to something, by key."""
        query = f"""SELECT key, value::text FROM projection_rows
                    WHERE projection = {PLACE} AND kind = $2 AND belongs = $3 ORDER BY key"""
        found = await fetch(self.pool, query, self.projection, kind, belongs)
        return {row["key"]: msgspec.json.decode(row["value"], type=Value) for row in found}

    async def groups(self, kind: str, belong: Sequence[str]) -> list[Put]:
        """The rows of a kind that belong to any of these, by key."""
        query = f"""SELECT kind, key, belongs, value::text FROM projection_rows
                    WHERE projection = {PLACE} AND kind = $2 AND belongs = ANY ($3::text[]) ORDER BY key"""
        return [_put(row) for row in await fetch(self.pool, query, self.projection, kind, belong)]

    async def keys(self, kind: str, belongs: str, after: str, limit: int) -> list[str]:
        """The next keys of a group, in order: of one that may be large, a page at a time."""
        query = f"""SELECT key FROM projection_rows
                    WHERE projection = {PLACE} AND kind = $2 AND belongs = $3 AND key > $4 ORDER BY key LIMIT $5"""
        return [row["key"] for row in await fetch(self.pool, query, self.projection, kind, belongs, after, limit)]

    async def page(self, kind: str, sort: str | None, after: str, limit: int) -> Found:
        """The next rows of a kind by key, a page at a time: all, or those whose value says `sort` as its `kind`."""
        of_sort = "" if sort is None else SORT
        query = f"""SELECT at.position, r.*,
                           ARRAY(SELECT stream FROM projection_parked WHERE projection = at.place) AS parked
                    FROM (SELECT projection AS place, position FROM projection_checkpoints
                          WHERE projection = {PLACE}) at
                    LEFT JOIN LATERAL (
                        SELECT kind, key, belongs, value::text FROM projection_rows
                        WHERE projection = at.place AND kind = $2 AND key > $3 {of_sort}
                        ORDER BY key LIMIT $4) r ON true ORDER BY r.key"""
        sorts = [] if sort is None else [sort]
        return _found(await fetch(self.pool, query, self.projection, kind, after, limit, *sorts))

    async def find(self, wanted: Sequence[tuple[str, str]]) -> Found:
        """The rows of these kinds and keys, those that exist."""
        query = f"""SELECT at.position, r.*,
                           ARRAY(SELECT stream FROM projection_parked WHERE projection = at.place) AS parked
                    FROM (SELECT projection AS place, position FROM projection_checkpoints
                          WHERE projection = {PLACE}) at
                    LEFT JOIN LATERAL (
                        SELECT kind, key, belongs, value::text FROM unnest($2::text[], $3::text[]) wanted(kind, key)
                        JOIN projection_rows USING (kind, key) WHERE projection = at.place) r ON true"""
        named = [kind for kind, _ in wanted], [key for _, key in wanted]
        return _found(await fetch(self.pool, query, self.projection, *named))

    async def checkpoint(self) -> Checkpoint:
        return _checkpoint(await fetch(self.pool, CHECKPOINT, self.projection))

    async def checkpoint_on(self, connection: Connection) -> Checkpoint:
        return _checkpoint(await connection.fetch(CHECKPOINT, self.projection))

    async def locked(self, connection: Connection) -> tuple[str, Checkpoint]:
        """Where the rows stand, and up to which position. Neither changes while the transaction lasts."""
        while True:
            found = await connection.fetchrow(f"{LOCKED} FOR UPDATE", self.projection)
            if found is not None:
                place, *at = found
                return place, Checkpoint(*at)
            await self.begin()  # a rebuild has taken its place while this waited; or it was never begun

    async def begin(self) -> None:
        """Makes the checkpoint's row, which every later transaction locks."""
        await self.pool.execute(
            f"INSERT INTO projection_checkpoints (projection, position, chain_hash) VALUES ({PLACE}, 0, $2) "
            "ON CONFLICT DO NOTHING",
            self.projection,
            GENESIS,
        )

    async def load(self, kinds: Sequence[str] | None = None) -> Loaded:
        """Everything, or the rows of these kinds, as of one moment; a page at a time, so that others get their turn."""
        async with (
            self.pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            checkpoint = await self.checkpoint_on(connection)
            rows = [] if kinds == () else await self._rows_on(connection, kinds)
            parked = await self.parked_on(connection)
        return Loaded(rows, checkpoint, parked)

    async def _rows_on(self, connection: Connection, kinds: Sequence[str] | None) -> list[Put]:
        query = f"""SELECT kind, key, belongs, value::text FROM projection_rows
                    WHERE projection = {PLACE} AND ($2::text[] IS NULL OR kind = ANY ($2))"""
        puts: list[Put] = []
        cursor = await connection.cursor(query, self.projection, kinds)
        while page := await cursor.fetch(PAGE):
            puts += [_put(row) for row in page]
        return puts

    async def parked(self) -> frozenset[str]:
        return frozenset(row["stream"] for row in await fetch(self.pool, PARKED, self.projection))

    async def parked_events(self) -> dict[str, int]:
        """How many events are parked, by stream."""
        query = f"SELECT stream, count(*) AS events FROM projection_parked WHERE projection = {PLACE} GROUP BY stream"
        return {row["stream"]: row["events"] for row in await fetch(self.pool, query, self.projection)}

    async def parked_on(self, connection: Connection) -> frozenset[str]:
        return frozenset(row["stream"] for row in await connection.fetch(PARKED, self.projection))

    async def parked_rows(self, connection: Connection) -> list[Recorded]:
        """The parked events, in order."""
        query = f"SELECT row FROM projection_parked WHERE projection = {PLACE} ORDER BY position"
        found = await connection.fetch(query, self.projection)
        return [msgspec.msgpack.decode(row["row"], type=Recorded) for row in found]

    async def park(self, connection: Connection, row: Recorded, reason: str) -> None:
        await connection.execute(
            f"INSERT INTO projection_parked VALUES ({PLACE}, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            self.projection,
            row.position,
            row.stream,
            msgspec.msgpack.encode(row),
            reason,
        )

    async def unpark(self, connection: Connection, position: int) -> None:
        query = f"DELETE FROM projection_parked WHERE projection = {PLACE} AND position = $2"
        await connection.execute(query, self.projection, position)

    async def advance(self, connection: Connection, at: Checkpoint) -> None:
        await connection.execute(
            "UPDATE projection_checkpoints SET position = $2, chain_hash = $3, topic_offset = $4 "
            f"WHERE projection = {PLACE} AND position <= $2",
            self.projection,
            at.position,
            at.chain_hash,
            at.offset,
        )

    async def move(self, before: Checkpoint, at: Checkpoint, changed: Bundle) -> bool:
        """Moves the checkpoint together with rows, as a bundle that is `whole` has them. False where it does not stand
        at `before`, or, without rows, is held elsewhere: then nothing is changed.
        """
        if not changed.rows and not changed.groups:
            return await self._moves.move(self.projection, before, at)
        args = self.projection, before.position, before.chain_hash, at.position, at.chain_hash, at.offset
        columns = *changed.put(), *changed.patched(), *changed.dropped(), *changed.cleared()
        async with self.pool.acquire() as connection:
            return await connection.fetchval(AT_ONCE, *args, *columns) is not None

    async def overdue(self, kind: str, now: int, after: str, limit: int) -> list[str]:
        """The next keys of a kind whose `forget_at_us` has passed at `now`, in order; of rows that are not dropped."""
        query = f"""SELECT key FROM projection_rows WHERE {FORGET} AND kind = $3 AND key > $4
                    ORDER BY key LIMIT $5"""
        return [row["key"] for row in await fetch(self.pool, query, await self.place(), now, kind, after, limit)]

    async def forget(self, now: int) -> None:
        """Drops the rows whose `forget_at_us` has passed at `now`, so that what is kept follows the rate, not
        history.
        """
        await sweep(self.pool, "projection_rows", FORGET, await self.place(), now)

    async def rebuilt(self) -> int | None:
        """How far a rebuild beside these rows has come; None where none is under way, in any process."""
        query = """SELECT position FROM projection_places p JOIN projection_checkpoints c ON c.projection = p.building
                   WHERE p.projection = $1"""
        found = await fetch(self.pool, query, self.projection)
        return found[0]["position"] if found else None

    async def place(self) -> str:
        """The name under which the rows stand."""
        return str((await fetch(self.pool, f"SELECT {PLACE} AS place", self.projection))[0]["place"])


def _found(rows: list[asyncpg.Record]) -> Found:
    """Of a checkpoint with rows beside it; where there are none, one with an empty kind."""
    if not rows:
        return Found([], 0, frozenset())
    puts = [_put(row) for row in rows if row["kind"] is not None]
    return Found(puts, rows[0]["position"], frozenset(rows[0]["parked"]))


def _put(row: asyncpg.Record) -> Put:
    return Put(row["kind"], row["key"], msgspec.json.decode(row["value"]), row["belongs"])


def _checkpoint(found: list[asyncpg.Record]) -> Checkpoint:
    return Checkpoint(*found[0]) if found else Checkpoint(0, GENESIS)
