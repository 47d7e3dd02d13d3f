"""What is kept for a while and never comes into the log, in a table that all processes of a service share."""

from collections.abc import Callable
from hashlib import sha256
from typing import Protocol

import asyncpg

from eventlog.postgres.connection import fetch
from eventlog.postgres.sweep import sweep

_KEEP = """
INSERT INTO kept (kind, key, value, expires_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
"""
_FIND = "SELECT value FROM kept WHERE kind = $1 AND key = $2 AND expires_at > $3"
_TAKE = "DELETE FROM kept WHERE kind = $1 AND key = $2 AND expires_at > $3 RETURNING value"
# One that has expired and was not swept yet may be claimed anew.
_CLAIM = """
INSERT INTO kept AS old (kind, key, value, expires_at) VALUES ($1, $2, '', $3)
ON CONFLICT (kind, key) DO UPDATE SET expires_at = excluded.expires_at WHERE old.expires_at <= $4
RETURNING kind
"""


class Kept(Protocol):
    """What is kept until its time, over all processes, and never in the log. `expires_at` in µs by the log's time; a
    `key` may be a secret: only its hash is stored.
    """

    async def keep(self, kind: str, key: str, value: bytes, expires_at: int) -> None:
        """Keeps a value; what was kept under this kind and key before is replaced."""
        ...

    async def find(self, kind: str, key: str) -> bytes | None:
        """The value; None where there is none, or its time is over."""
        ...

    async def take(self, kind: str, key: str) -> bytes | None:
        """The value, for one taker only: it is kept no more."""
        ...

    async def claim(self, kind: str, key: str, expires_at: int) -> bool:
        """True for the first who claims it before its time is over, False for all others."""
        ...


class PostgresKept:
    """`now` is the log's time."""

    def __init__(self, pool: asyncpg.Pool, now: Callable[[], int]) -> None:
        self._pool = pool
        self._now = now

    async def keep(self, kind: str, key: str, value: bytes, expires_at: int) -> None:
        """See Kept."""
        await fetch(self._pool, _KEEP, kind, _hashed(key), value, expires_at)

    async def find(self, kind: str, key: str) -> bytes | None:
        """See Kept."""
        found = await fetch(self._pool, _FIND, kind, _hashed(key), self._now())
        return found[0]["value"] if found else None

    async def take(self, kind: str, key: str) -> bytes | None:
        """See Kept."""
        found = await fetch(self._pool, _TAKE, kind, _hashed(key), self._now())
        return found[0]["value"] if found else None

    async def claim(self, kind: str, key: str, expires_at: int) -> bool:
        """See Kept."""
        return bool(await fetch(self._pool, _CLAIM, kind, _hashed(key), expires_at, self._now()))

    async def sweep(self, now: int) -> None:
        """Drops what has expired."""
        await sweep(self._pool, "kept", "expires_at <= $1", now)


class MemoryKept:
    """The same for the processes of one test."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._kept: dict[tuple[str, str], tuple[bytes, int]] = {}

    async def keep(self, kind: str, key: str, value: bytes, expires_at: int) -> None:
        """See Kept."""
        self._kept[kind, key] = value, expires_at

    async def find(self, kind: str, key: str) -> bytes | None:
        """See Kept."""
        value, expires_at = self._kept.get((kind, key), (None, 0))
        return value if expires_at > self._now() else None

    async def take(self, kind: str, key: str) -> bytes | None:
        """See Kept."""
        found = await self.find(kind, key)
        self._kept.pop((kind, key), None)
        return found

    async def claim(self, kind: str, key: str, expires_at: int) -> bool:
        """See Kept."""
        if await self.find(kind, key) is not None:
            return False
        self._kept[kind, key] = b"", expires_at
        return True


def _hashed(key: str) -> bytes:
    # Many of them are secrets, and whoever reads the table is not to have them.
    return sha256(key.encode()).digest()
