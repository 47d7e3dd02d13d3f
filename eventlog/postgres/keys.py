"""The wrapped keys: an ordinary table apart from the log, from which a person's key can be deleted (RULES 2)."""

import asyncpg

from eventlog.postgres.connection import fetch

_FIND = "SELECT wrapped FROM eventlog.seal_keys WHERE owner = $1"
_KEEP = "INSERT INTO eventlog.seal_keys (owner, wrapped) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_ERASE = "DELETE FROM eventlog.seal_keys WHERE owner = $1"


class PostgresSealKeys:
    """SealKeys in the service's own database. Every method raises LogUnavailable where it does not answer in time."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def find(self, owner: str) -> bytes | None:
        """See SealKeys.find."""
        rows = await fetch(self._pool, _FIND, owner)
        return bytes(rows[0]["wrapped"]) if rows else None

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
