"""The rows that projections would have made of a history, by the services' own folds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import asyncpg
import msgspec

from eventlog.events import Event, Recorded, Registry
from eventlog.projection.change import Change, Drop, DropGroup, Patch, Projection, Put

Key = tuple[str, str]
PAGE = 20_000


@dataclass
class Table:
    """One projection of a log. `own` where it folds the very structs that are written, so that nothing is decoded."""

    projection: Projection
    reads: Registry
    own: bool = False
    rows: dict[Key, tuple[str, bytes]] = field(default_factory=dict)
    _groups: dict[Key, set[str]] = field(default_factory=dict)

    @property
    def types(self) -> frozenset[str]:
        return frozenset(kind.type for kind in self.reads.types)

    def take(self, row: Recorded, event: Event | None) -> None:
        read = event if self.own and event is not None else self.reads.decode(row.type, row.body)
        for change in self.projection.fold(read, row) if read is not None else ():
            self._apply(change)

    def _apply(self, change: Change) -> None:
        match change:
            case Put(kind, key, value, belongs):
                self._drop(kind, key)
                self.rows[kind, key] = (belongs, msgspec.json.encode(value))
                self._groups.setdefault((kind, belongs), set()).add(key)
            case Patch(kind, key, fields) if (kind, key) in self.rows:
                belongs, before = self.rows[kind, key]
                self.rows[kind, key] = (belongs, msgspec.json.encode(msgspec.json.decode(before) | fields))
            case Drop(kind, key):
                self._drop(kind, key)
            case DropGroup(kind, belongs, spare):
                for key in self._groups.get((kind, belongs), set()) - {spare}:
                    self._drop(kind, key)

    def _drop(self, kind: str, key: str) -> None:
        belongs, _ = self.rows.pop((kind, key), ("", b""))
        self._groups.get((kind, belongs), set()).discard(key)

    def kept(self, now: int) -> Iterator[tuple[str, str, str, str, str]]:
        """What the clean-up would have left by `now`."""
        for (kind, key), (belongs, value) in self.rows.items():
            if b'"forget_at_us"' not in value or msgspec.json.decode(value)["forget_at_us"] >= now:
                yield self.projection.name, kind, key, belongs, value.decode()


@dataclass
class Tables:
    """The projections of one log; each lies in the database of the service that holds it."""

    held: Sequence[tuple[asyncpg.Connection, Table]]
    reactions: Sequence[tuple[asyncpg.Connection, str]]
    _of: dict[str, list[Table]] = field(default_factory=dict)

    def fold(self, row: Recorded, event: Event | None) -> None:
        if row.type not in self._of:
            self._of[row.type] = [table for _, table in self.held if row.type in table.types]
        for table in self._of[row.type]:
            table.take(row, event)

    async def save(self, position: int, chain_hash: bytes, now: int) -> None:
        """Puts rows and checkpoints in place of those that are there."""
        for connection, table in self.held:
            name = table.projection.name
            await connection.execute("DELETE FROM projection_rows WHERE projection = $1", name)
            rows = list(table.kept(now))
            for start in range(0, len(rows), PAGE):
                await _copy_rows(connection, rows[start : start + PAGE])
            await _checkpoint(connection, name, position, chain_hash)
        for connection, name in self.reactions:
            await _checkpoint(connection, name, position, chain_hash)


async def _copy_rows(connection: asyncpg.Connection, rows: list[tuple[str, str, str, str, str]]) -> None:
    columns = list(zip(*rows, strict=True))
    query = """INSERT INTO projection_rows (projection, kind, key, belongs, value)
               SELECT p, k, y, b, v::jsonb FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
               AS r(p, k, y, b, v)"""
    await connection.execute(query, *columns)


async def _checkpoint(connection: asyncpg.Connection, name: str, position: int, chain_hash: bytes) -> None:
    query = """INSERT INTO projection_checkpoints (projection, position, chain_hash) VALUES ($1, $2, $3)
               ON CONFLICT (projection) DO UPDATE
               SET position = excluded.position, chain_hash = excluded.chain_hash, topic_offset = NULL"""
    await connection.execute(query, name, position, chain_hash)
