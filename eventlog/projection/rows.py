"""A projection's rows, checkpoint and parked events in the database."""

from collections.abc import Iterable
from dataclasses import dataclass

import asyncpg
import msgspec

from eventlog.errors import LogUnavailable
from eventlog.events import Recorded
from eventlog.migrate import PROJECTIONS as SCHEMA
from eventlog.postgres.connection import LOST, fetch
from eventlog.projection.change import Change, Drop, DropGroup, Patch, Put, Value
from watchword.chain import GENESIS

__all__ = ["SCHEMA", "Checkpoint", "Connection", "Loaded", "Rows"]

Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy
DATABASE_LOST = (*LOST, LogUnavailable)

PUT = """INSERT INTO projection_rows (projection, kind, key, belongs, value)
         SELECT $1, kind, key, belongs, value::jsonb
         FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) put(kind, key, belongs, value)
         ON CONFLICT (projection, kind, key) DO UPDATE SET belongs = excluded.belongs, value = excluded.value"""
PATCH = "UPDATE projection_rows SET value = value || $4::text::jsonb WHERE projection = $1 AND kind = $2 AND key = $3"
CHECKPOINT = "SELECT position, chain_hash, topic_offset FROM projection_checkpoints WHERE projection = $1"
PARKED = "SELECT DISTINCT stream FROM projection_parked WHERE projection = $1"
DROP = "DELETE FROM projection_rows WHERE projection = $1 AND kind = $2 AND key = $3"
DROP_GROUP = "DELETE FROM projection_rows WHERE projection = $1 AND kind = $2 AND belongs = $3 AND key <> $4"


class Checkpoint(msgspec.Struct, frozen=True):
    """The last position that was applied, its chain hash, and a hint at which offset of its topic it stands."""

    position: int
    chain_hash: bytes
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """Rows, checkpoint and parked streams as of one moment."""

    rows: list[Put]
    checkpoint: Checkpoint
    parked: frozenset[str]


class Rows:
    """The rows of one projection."""

    def __init__(self, pool: asyncpg.Pool, projection: str) -> None:
        self.pool = pool
        self.projection = projection

    async def get(self, kind: str, key: str) -> Value | None:
        query = "SELECT value::text FROM projection_rows WHERE projection = $1 AND kind = $2 AND key = $3"
        found = await fetch(self.pool, query, self.projection, kind, key)
        return msgspec.json.decode(found[0]["value"], type=Value) if found else None

    async def group(self, kind: str, belongs: str) -> dict[str, Value]:
        """The rows of a kind that belong to something, by key."""
        query = """SELECT key, value::text FROM projection_rows
                   WHERE projection = $1 AND kind = $2 AND belongs = $3 ORDER BY key"""
        found = await fetch(self.pool, query, self.projection, kind, belongs)
        return {row["key"]: msgspec.json.decode(row["value"], type=Value) for row in found}

    async def checkpoint(self) -> Checkpoint:
        return _checkpoint(await fetch(self.pool, CHECKPOINT, self.projection))

    async def checkpoint_on(self, connection: Connection, lock: bool = False) -> Checkpoint:
        query = CHECKPOINT + (" FOR UPDATE" if lock else "")
        return _checkpoint(await connection.fetch(query, self.projection))

    async def begin(self) -> None:
        """Makes the checkpoint's row, which every later transaction locks."""
        await self.pool.execute(
            "INSERT INTO projection_checkpoints (projection, position, chain_hash) VALUES ($1, 0, $2) "
            "ON CONFLICT DO NOTHING",
            self.projection,
            GENESIS,
        )

    async def load(self) -> Loaded:
        """Everything, as of one moment."""
        async with (
            self.pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            checkpoint = await self.checkpoint_on(connection)
            rows = await connection.fetch(
                "SELECT kind, key, belongs, value::text FROM projection_rows WHERE projection = $1", self.projection
            )
            parked = await self.parked_on(connection)
        puts = [Put(row["kind"], row["key"], msgspec.json.decode(row["value"]), row["belongs"]) for row in rows]
        return Loaded(puts, checkpoint, parked)

    async def parked(self) -> frozenset[str]:
        return frozenset(row["stream"] for row in await fetch(self.pool, PARKED, self.projection))

    async def parked_events(self) -> dict[str, int]:
        """How many events are parked, by stream."""
        query = "SELECT stream, count(*) AS events FROM projection_parked WHERE projection = $1 GROUP BY stream"
        return {row["stream"]: row["events"] for row in await fetch(self.pool, query, self.projection)}

    async def parked_on(self, connection: Connection) -> frozenset[str]:
        return frozenset(row["stream"] for row in await connection.fetch(PARKED, self.projection))

    async def parked_rows(self, connection: Connection) -> list[Recorded]:
        """The parked events, in order."""
        query = "SELECT row FROM projection_parked WHERE projection = $1 ORDER BY position"
        found = await connection.fetch(query, self.projection)
        return [msgspec.msgpack.decode(row["row"], type=Recorded) for row in found]

    async def park(self, connection: Connection, row: Recorded, reason: str) -> None:
        await connection.execute(
            "INSERT INTO projection_parked VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            self.projection,
            row.position,
            row.stream,
            msgspec.msgpack.encode(row),
            reason,
        )

    async def unpark(self, connection: Connection, position: int) -> None:
        query = "DELETE FROM projection_parked WHERE projection = $1 AND position = $2"
        await connection.execute(query, self.projection, position)

    async def advance(self, connection: Connection, at: Checkpoint) -> None:
        await connection.execute(
            "UPDATE projection_checkpoints SET position = $2, chain_hash = $3, topic_offset = $4 "
            "WHERE projection = $1 AND position <= $2",
            self.projection,
            at.position,
            at.chain_hash,
            at.offset,
        )

    async def move(self, before: Checkpoint, at: Checkpoint) -> bool:
        """Moves the checkpoint where no row changes. False where it does not stand at `before`."""
        query = """UPDATE projection_checkpoints SET position = $4, chain_hash = $5, topic_offset = $6
                   WHERE projection = $1 AND position = $2 AND chain_hash = $3 RETURNING position"""
        args = self.projection, before.position, before.chain_hash, at.position, at.chain_hash, at.offset
        async with self.pool.acquire() as connection:
            return await connection.fetchval(query, *args) is not None

    async def apply(self, connection: Connection, changes: Iterable[Change]) -> None:
        """Makes the changes in their order; rows that are put one after the other go in one statement."""
        puts: dict[tuple[str, str], Put] = {}
        for change in changes:
            if isinstance(change, Put):
                puts[change.kind, change.key] = change
                continue
            await self._put(connection, puts.values())
            puts.clear()
            await self._apply(connection, change)
        await self._put(connection, puts.values())

    async def _put(self, connection: Connection, puts: Iterable[Put]) -> None:
        rows = [(put.kind, put.key, put.belongs, msgspec.json.encode(put.value).decode()) for put in puts]
        if rows:
            await connection.execute(PUT, self.projection, *map(list, zip(*rows, strict=True)))

    async def _apply(self, connection: Connection, change: Patch | Drop | DropGroup) -> None:
        match change:
            case Patch(kind, key, fields):
                await connection.execute(PATCH, self.projection, kind, key, msgspec.json.encode(fields).decode())
            case Drop(kind, key):
                await connection.execute(DROP, self.projection, kind, key)
            case DropGroup(kind, belongs, spare):
                await connection.execute(DROP_GROUP, self.projection, kind, belongs, spare)

    async def take_place_of(self, other: "Rows") -> bool:
        """These rows become the other's, unless the other is further on. True where it was done."""
        async with self.pool.acquire() as connection, connection.transaction():
            theirs = await other.checkpoint_on(connection, lock=True)
            if (await self.checkpoint_on(connection, lock=True)).position < theirs.position:
                return False
            for table in ("projection_rows", "projection_parked", "projection_checkpoints"):
                await connection.execute(f"DELETE FROM {table} WHERE projection = $1", other.projection)
                await connection.execute(
                    f"UPDATE {table} SET projection = $1 WHERE projection = $2", other.projection, self.projection
                )
        return True

    async def clear(self) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            for table in ("projection_rows", "projection_parked", "projection_checkpoints"):
                await connection.execute(f"DELETE FROM {table} WHERE projection = $1", self.projection)

    async def forget(self, now: int) -> None:
        """Drops the rows whose `forget_at_us` has passed at `now`, so that what is kept follows the rate, not
        history.
        """
        query = "DELETE FROM projection_rows WHERE projection = $1 AND (value->>'forget_at_us')::bigint < $2"
        await fetch(self.pool, query, self.projection, now)


def _checkpoint(found: list[asyncpg.Record]) -> Checkpoint:
    return Checkpoint(*found[0]) if found else Checkpoint(0, GENESIS)
