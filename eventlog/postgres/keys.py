"""The wrapped keys: an ordinary table apart from the log, from which a person's key can be deleted (RULES 2)."""

from collections.abc import Sequence
from typing import NamedTuple

import asyncpg

from eventlog.postgres.connection import fetch
from eventlog.sealing import Wrapping

_FIND = "SELECT wrapped FROM eventlog.seal_keys WHERE owner = $1"
_FIND_ALL = "SELECT owner, wrapped FROM eventlog.seal_keys WHERE owner = ANY ($1)"
_KEEP = "INSERT INTO eventlog.seal_keys (owner, wrapped) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_ERASE = "DELETE FROM eventlog.seal_keys WHERE owner = $1"


class WrappedTable(NamedTuple):
    """A table of wrapped keys: how a page of `name` and `wrapped` after a name is read, and one is put for another."""

    page: str
    replace: str


SEAL_KEYS = WrappedTable(
    "SELECT owner AS name, wrapped FROM eventlog.seal_keys WHERE owner > $1 ORDER BY owner LIMIT 1000",
    "UPDATE eventlog.seal_keys SET wrapped = $3 WHERE owner = $1 AND wrapped = $2",
)


async def rewrap(
    connection: asyncpg.Connection | asyncpg.pool.PoolConnectionProxy, keys: WrappedTable, wrapping: Wrapping
) -> int:
    """Wraps every key of a table by the first key-encryption key; how many were not yet. What is erased stays erased.

    The role must be the table's owner. Raises ValueError where no key-encryption key opens one.
    """
    after, done = "", 0
    while page := await connection.fetch(keys.page, after):
        anew = [(row["name"], row["wrapped"], wrapping.anew(row["name"], row["wrapped"])) for row in page]
        changed = [one for one in anew if one[2] is not None]
        await connection.executemany(keys.replace, changed)
        after, done = page[-1]["name"], done + len(changed)
    return done


class PostgresSealKeys:
    """SealKeys in the service's own database. Every method raises LogUnavailable where it does not answer in time."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def find(self, owner: str) -> bytes | None:
        """See SealKeys.find."""
        rows = await fetch(self._pool, _FIND, owner)
        return bytes(rows[0]["wrapped"]) if rows else None

    async def find_all(self, owners: Sequence[str]) -> dict[str, bytes]:
        """See SealKeys.find_all."""
        return {row["owner"]: bytes(row["wrapped"]) for row in await fetch(self._pool, _FIND_ALL, list(owners))}

    async def keep(self, owner: str, wrapped: bytes) -> bytes:
        """See SealKeys.keep."""
        while True:
            await fetch(self._pool, _KEEP, owner, wrapped)
            kept = await self.find(owner)
            if kept is not None:
                return kept

    async def erase(self, owner: str) -> None:
        """See SealKeys.erase."""
        await fetch(self._pool, _ERASE, owner)
