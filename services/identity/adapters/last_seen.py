"""When sessions were last used: an ordinary table, written about once a minute for each session."""

from collections import OrderedDict
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import asyncpg

from eventlog.postgres.connection import fetch
from eventlog.postgres.sweep import sweep

COARSE = 60_000_000
REMEMBERED = 20_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TOUCH = """
INSERT INTO sessions_seen VALUES ($1, $2)
ON CONFLICT (session_id) DO UPDATE SET seen_at = greatest(sessions_seen.seen_at, excluded.seen_at)
"""
_OF = """
SELECT session_id, (extract(epoch FROM seen_at) * 1000000)::bigint AS seen_at
FROM sessions_seen WHERE session_id = ANY($1)
"""


class CoarseLastSeen:
    """See ports.LastSeen."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._written: OrderedDict[str, int] = OrderedDict()

    async def touch(self, session_id: str, now: int) -> None:
        """See ports.LastSeen."""
        if now - self._written.get(session_id, 0) < COARSE:
            return
        self._written[session_id] = now
        if len(self._written) > REMEMBERED:
            self._written.popitem(last=False)
        await fetch(self._pool, _TOUCH, session_id, _EPOCH + timedelta(microseconds=now))

    async def of(self, session_ids: Collection[str]) -> dict[str, int]:
        """See ports.LastSeen."""
        return {row["session_id"]: row["seen_at"] for row in await fetch(self._pool, _OF, list(session_ids))}

    async def sweep(self, now: int) -> None:
        """Forgets sessions that nobody has used for longer than a session may live."""
        before = _EPOCH + timedelta(microseconds=now) - timedelta(days=31)
        await sweep(self._pool, "sessions_seen", "seen_at < $1", before)
