"""Counters of attempts: fixed windows of the library `limits`, over one table for all processes of the service."""

import time
from collections.abc import Mapping

import asyncpg
from limits import RateLimitItem
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter

from chassis.telemetry import REFUSED_BY_LIMIT
from eventlog.errors import Kind, Refusal
from eventlog.postgres.connection import fetch

_INCREMENT = """
INSERT INTO attempts AS a (key, count, ends_at) VALUES ($1, greatest($2, 0), now() + make_interval(secs => $3))
ON CONFLICT (key) DO UPDATE SET
    count = CASE WHEN a.ends_at <= now() THEN excluded.count ELSE greatest(a.count + $2, 0) END,
    ends_at = CASE WHEN a.ends_at <= now() THEN excluded.ends_at ELSE a.ends_at END
RETURNING count
"""
_GET = "SELECT count FROM attempts WHERE key = $1 AND ends_at > now()"
_ENDS = "SELECT extract(epoch FROM ends_at - now())::float8 AS left FROM attempts WHERE key = $1 AND ends_at > now()"


class WindowLimits:
    """See ports.Limits. `limits` says how much each named limit allows."""

    def __init__(self, storage: Storage, limits: Mapping[str, RateLimitItem]) -> None:
        self._windows = FixedWindowRateLimiter(storage)
        self._limits = limits

    async def take(self, limit: str, key: str) -> None:
        """See ports.Limits. An attempt that is refused is a metric, never an event."""
        item = self._limits[limit]
        if await self._windows.hit(item, limit, key):
            return
        REFUSED_BY_LIMIT.labels(limit).inc()
        left = (await self._windows.get_window_stats(item, limit, key)).reset_time - time.time()
        raise Refusal(Kind.TOO_MANY, "too_many_attempts", "too many attempts; try again later", max(left, 1))

    async def give_back(self, limit: str, key: str) -> None:
        """See ports.Limits."""
        await self._windows.hit(self._limits[limit], limit, key, cost=-1)


class PostgresStorage(Storage):
    """Counters in the table `attempts`. Every method raises LogUnavailable where the database does not answer."""

    STORAGE_SCHEME = None

    def __init__(self, pool: asyncpg.Pool) -> None:
        super().__init__()
        self._pool = pool

    @property
    def base_exceptions(self) -> type[Exception]:
        """See limits.aio.storage.Storage."""
        return asyncpg.PostgresError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """See limits.aio.storage.Storage. A lost answer may count twice, which errs towards refusing."""
        return int((await fetch(self._pool, _INCREMENT, key, amount, float(expiry)))[0]["count"])

    async def get(self, key: str) -> int:
        """See limits.aio.storage.Storage."""
        rows = await fetch(self._pool, _GET, key)
        return int(rows[0]["count"]) if rows else 0

    async def get_expiry(self, key: str) -> float:
        """See limits.aio.storage.Storage."""
        rows = await fetch(self._pool, _ENDS, key)
        return time.time() + (rows[0]["left"] if rows else 0.0)

    async def check(self) -> bool:
        """See limits.aio.storage.Storage."""
        return bool(await fetch(self._pool, "SELECT 1"))

    async def reset(self) -> int | None:
        """See limits.aio.storage.Storage."""
        return len(await fetch(self._pool, "DELETE FROM attempts RETURNING key"))

    async def clear(self, key: str) -> None:
        """See limits.aio.storage.Storage."""
        await fetch(self._pool, "DELETE FROM attempts WHERE key = $1", key)

    async def sweep(self) -> None:
        """Removes the windows that are over."""
        await fetch(self._pool, "DELETE FROM attempts WHERE ends_at <= now()")
