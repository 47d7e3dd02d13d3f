"""The changes of many events in a few statements."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import asyncpg
import msgspec

from eventlog.projection.change import Change, Drop, DropGroup, Patch, Put

Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy

# A row that would not change is not written: a live family is put anew at every refresh.
PUT = """
INSERT INTO projection_rows AS old (projection, kind, key, belongs, value)
SELECT $1, kind, key, belongs, value::jsonb FROM unnest($2::text[], $3::text[], $4::text[], $5::text[])
    new(kind, key, belongs, value)
ORDER BY kind, key
ON CONFLICT (projection, kind, key) DO UPDATE SET belongs = excluded.belongs, value = excluded.value
WHERE (old.belongs, old.value) IS DISTINCT FROM (excluded.belongs, excluded.value)
"""
PATCH = """
UPDATE projection_rows old SET value = old.value || new.value::jsonb
FROM unnest($2::text[], $3::text[], $4::text[]) new(kind, key, value)
WHERE old.projection = $1 AND old.kind = new.kind AND old.key = new.key
"""
DROP = """
DELETE FROM projection_rows old USING unnest($2::text[], $3::text[]) gone(kind, key)
WHERE old.projection = $1 AND old.kind = gone.kind AND old.key = gone.key
"""
DROP_GROUP = "DELETE FROM projection_rows WHERE projection = $1 AND kind = $2 AND belongs = $3 AND key <> $4"

UNFIT = (asyncpg.DataError, asyncpg.ProgramLimitExceededError)
"""What PostgreSQL says of a value that no column takes, and of a key that no index takes."""

One = Put | Patch | Drop
Columns = tuple[list[str], ...]


@dataclass
class Bundle:
    """Changes of rows, one for each row, and groups that are dropped: in any order they come to the same."""

    rows: dict[tuple[str, str], One] = field(default_factory=dict)
    groups: dict[tuple[str, str], DropGroup] = field(default_factory=dict)

    def add(self, change: Change) -> bool:
        """False where the change has to wait until what is here has been written."""
        if isinstance(change, DropGroup):
            return self._drop_group(change)
        # A group that is dropped again after this would be taken for dropped already.
        if isinstance(change, Put) and (change.kind, change.belongs) in self.groups:
            return False
        at = change.kind, change.key
        self.rows[at] = _after(self.rows.get(at), change)
        return True

    def put(self) -> Columns:
        """Kinds, keys, what they belong to and values, as PUT takes them."""
        rows = [row for row in self.rows.values() if isinstance(row, Put)]
        named = [row.kind for row in rows], [row.key for row in rows], [row.belongs for row in rows]
        return *named, [_json(row.value) for row in rows]

    def patched(self) -> Columns:
        """Kinds, keys and fields, as PATCH takes them."""
        rows = [row for row in self.rows.values() if isinstance(row, Patch)]
        return [row.kind for row in rows], [row.key for row in rows], [_json(row.fields) for row in rows]

    def dropped(self) -> Columns:
        """Kinds and keys, as DROP takes them."""
        rows = [row for row in self.rows.values() if isinstance(row, Drop)]
        return [row.kind for row in rows], [row.key for row in rows]

    def cleared(self) -> Columns:
        """Kinds, groups and the keys that they spare."""
        groups = self.groups.values()
        return [one.kind for one in groups], [one.belongs for one in groups], [one.spare for one in groups]

    @property
    def whole(self) -> bool:
        """Whether it can be written in one statement: a row that is patched may stand in a group that is dropped."""
        return not self.groups or not any(isinstance(row, Patch) for row in self.rows.values())

    def _drop_group(self, change: DropGroup) -> bool:
        group = change.kind, change.belongs
        if group in self.groups:
            return self.groups[group] == change
        if any(_in(change, row) for row in self.rows.values()):
            return False
        self.groups[group] = change
        return True


def _after(before: One | None, change: One) -> One:
    match change, before:
        case Patch(kind, key, fields), Put(value=value, belongs=belongs):
            return Put(kind, key, value | fields, belongs)
        case Patch(kind, key, fields), Patch(fields=earlier):
            return Patch(kind, key, earlier | fields)
        case Patch(), Drop():
            return before
    return change


def _in(group: DropGroup, row: One) -> bool:
    here = isinstance(row, Put) and (row.kind, row.belongs) == (group.kind, group.belongs)
    return here and row.key != group.spare


def bundles(changes: Iterable[Change]) -> Iterable[Bundle]:
    """The changes in as few bundles as their order allows."""
    bundle = Bundle()
    for change in changes:
        if not bundle.add(change):
            yield bundle
            bundle = Bundle()
            bundle.add(change)
    yield bundle


async def write_all(connection: Connection, place: str, changes: Iterable[Change]) -> None:
    """Applies changes to the rows that stand under a name. Raises one of UNFIT for what no table can hold."""
    for bundle in bundles(changes):
        await _write(connection, place, bundle)


async def _write(connection: Connection, place: str, bundle: Bundle) -> None:
    for dropped in bundle.groups.values():
        await connection.execute(DROP_GROUP, place, dropped.kind, dropped.belongs, dropped.spare)
    for statement, columns in ((PUT, bundle.put()), (PATCH, bundle.patched()), (DROP, bundle.dropped())):
        if columns[0]:
            await connection.execute(statement, place, *columns)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
