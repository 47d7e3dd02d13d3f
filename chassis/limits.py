"""Counters of attempts: fixed windows of the library `limits`, over one table for all processes of the service."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from ipaddress import IPv6Address, ip_address, ip_network

import asyncpg
from limits import RateLimitItem
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter

from chassis.telemetry import REFUSED_BY_LIMIT
from eventlog.errors import Kind, Refusal
from eventlog.postgres.connection import fetch
from eventlog.postgres.sweep import sweep

_TAKE = """
INSERT INTO attempts AS a (key, count, ends_at)
SELECT key, amount, now() + make_interval(secs => seconds)
FROM unnest($1::text[], $2::bigint[], $3::float8[]) taken(key, amount, seconds)
ORDER BY key
ON CONFLICT (key) DO UPDATE SET
    count = CASE WHEN a.ends_at <= now() THEN excluded.count ELSE a.count + excluded.count END,
    ends_at = CASE WHEN a.ends_at <= now() THEN excluded.ends_at ELSE a.ends_at END
RETURNING key, count
"""
_GIVE_BACK = """
WITH held AS (SELECT key FROM attempts WHERE key = ANY($1::text[]) ORDER BY key FOR UPDATE)
UPDATE attempts a SET count = greatest(a.count - given.amount, 0)
FROM held JOIN unnest($1::text[], $2::bigint[]) given(key, amount) USING (key)
WHERE a.key = held.key AND a.ends_at > now()
"""
_GET = "SELECT count FROM attempts WHERE key = $1 AND ends_at > now()"
_ENDS = "SELECT extract(epoch FROM ends_at - now())::float8 AS left FROM attempts WHERE key = $1 AND ends_at > now()"


def source_of(address: str) -> str:
    """What limits count an address under: itself, of IPv6 its /64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped or ip_network((parsed.packed[:8] + bytes(8), 64)))
    return str(parsed)


class WindowLimits:
    """How often something may be tried, over all processes of a service. `limits` says how much each of them allows."""

    def __init__(self, storage: Storage, limits: Mapping[str, RateLimitItem]) -> None:
        self._windows = FixedWindowRateLimiter(storage)
        self._limits = limits

    async def take(self, limit: str, key: str) -> None:
        """Counts one attempt; one that is refused is a metric, never an event.

        Raises Refusal `too_many_attempts` where there are none left.
        """
        item = self._limits[limit]
        if await self._windows.hit(item, limit, key):
            return
        REFUSED_BY_LIMIT.labels(limit).inc()
        left = (await self._windows.get_window_stats(item, limit, key)).reset_time - time.time()
        raise Refusal(Kind.TOO_MANY, "too_many_attempts", "too many attempts; try again later", max(left, 1))

    async def give_back(self, limit: str, key: str) -> None:
        """The attempt does not count after all."""
        await self._windows.hit(self._limits[limit], limit, key, cost=-1)


class PostgresStorage(Storage):
    """Counters in the table `attempts`. Every method raises LogUnavailable where the database does not answer."""

    STORAGE_SCHEME = None

    def __init__(self, pool: asyncpg.Pool) -> None:
        super().__init__()
        self._pool = pool
        self._takes = Gathered(self._take)
        self._gifts = Gathered(self._give_back)

    @property
    def base_exceptions(self) -> type[Exception]:
        """See limits.aio.storage.Storage."""
        return asyncpg.PostgresError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """See limits.aio.storage.Storage. A lost answer may count twice, which errs towards refusing."""
        return await (self._takes if amount > 0 else self._gifts).count(key, abs(amount), expiry)

    async def _take(self, amounts: Mapping[str, int], expiries: Mapping[str, int]) -> dict[str, int]:
        seconds = [float(expiries[key]) for key in amounts]
        rows = await fetch(self._pool, _TAKE, list(amounts), list(amounts.values()), seconds)
        return {row["key"]: row["count"] for row in rows}

    async def _give_back(self, amounts: Mapping[str, int], expiries: Mapping[str, int]) -> dict[str, int]:
        await fetch(self._pool, _GIVE_BACK, list(amounts), list(amounts.values()))
        return dict.fromkeys(amounts, 0)

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
        await sweep(self._pool, "attempts", "ends_at <= now()")


class Gathered:
    """What is counted while a statement is under way goes with the next one, each key once: a login's three limits are
    one statement, and a flood of them costs no more than a few.

    `store` adds amounts by key, and answers what each key then stands at.
    """

    def __init__(self, store: Callable[[Mapping[str, int], Mapping[str, int]], Awaitable[dict[str, int]]]) -> None:
        self._store = store
        self._waiting: list[tuple[str, int, int, asyncio.Future[int]]] = []
        self._storing: asyncio.Task[None] | None = None

    async def count(self, key: str, amount: int, expiry: int) -> int:
        """What the key stands at with this amount, and with all that was counted before it."""
        counted: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((key, amount, expiry, counted))
        if self._storing is None or self._storing.done():
            self._storing = asyncio.create_task(self._run())
        return await counted

    async def _run(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting, []
            amounts: Counter[str] = Counter()
            for key, amount, _, _ in taken:
                amounts[key] += amount
            try:
                counts = await self._store(amounts, {key: expiry for key, _, expiry, _ in taken})
            except Exception as error:  # noqa: BLE001  whatever it is, those who wait are told
                _fail(taken, error)
            else:
                _answer(taken, counts)


def _answer(taken: Sequence[tuple[str, int, int, "asyncio.Future[int]"]], counts: dict[str, int]) -> None:
    """The last of a key is told what it stands at, and each one before it what it stood at then."""
    for key, amount, _, counted in reversed(taken):
        if not counted.done():
            counted.set_result(counts[key])
        counts[key] -= amount


def _fail(taken: Sequence[tuple[str, int, int, "asyncio.Future[int]"]], error: Exception) -> None:
    for *_, counted in taken:
        if not counted.done():
            counted.set_exception(error)
