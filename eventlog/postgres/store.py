"""The store's protocol on PostgreSQL. Every statement is a transaction of its own, so none is longer than one page."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

import asyncpg

from eventlog.events import Recorded
from eventlog.postgres.connection import fetch
from eventlog.postgres.heads import Heads
from eventlog.postgres.listener import Listener
from eventlog.postgres.rows import HEAD, head, recorded
from eventlog.postgres.tail import Tail
from eventlog.postgres.writer import Writer
from eventlog.store import Appended, Command, Guard, Head, Snapshot

_MOVED = """
SELECT seen.stream, seen.version, now.version AS now
FROM unnest($1::text[], $2::bigint[]) seen(stream, version)
CROSS JOIN LATERAL (SELECT coalesce((SELECT version FROM eventlog.events e WHERE e.stream = seen.stream
                                     ORDER BY version DESC LIMIT 1), 0)) now(version)
WHERE now.version <> seen.version
"""
_STREAM = "SELECT * FROM eventlog.events WHERE stream = $1 AND version > $2 ORDER BY version"
_STREAM_EACH = """
SELECT rows.* FROM unnest($1::text[], $2::bigint[]) seen(stream, version)
CROSS JOIN LATERAL (SELECT * FROM eventlog.events e WHERE e.stream = seen.stream AND e.version > seen.version
                    ORDER BY version) rows
ORDER BY rows.stream, rows.version
"""
_READ = """
SELECT *
FROM (SELECT *, row_number() OVER pages AS row,
             sum(octet_length(body) + coalesce(octet_length(sealed), 0)) OVER pages AS size
      FROM (SELECT * FROM eventlog.events WHERE position > $1 ORDER BY position LIMIT $2) next
      WINDOW pages AS (ORDER BY position ROWS UNBOUNDED PRECEDING)) page
WHERE row = 1 OR size <= $3
ORDER BY position
"""
_SNAPSHOT = "SELECT version, schema, state FROM eventlog.snapshots WHERE stream = $1"
_SNAPSHOT_EACH = "SELECT stream, version, schema, state FROM eventlog.snapshots WHERE stream = ANY ($1::text[])"
_KEEP = """
INSERT INTO eventlog.snapshots (stream, version, schema, state) VALUES ($1, $2, $3, $4)
ON CONFLICT (stream) DO UPDATE SET version = excluded.version, schema = excluded.schema, state = excluded.state,
    kept_at = clock_timestamp()
"""


def _unobserved(_now: int) -> None:
    return None


class PostgresStore:
    """A log on PostgreSQL, as the running role may use it.

    Appends go through one writer on a connection of its own; what listens has another; all else uses `pool`, which
    stays its giver's. `observe` is told the log's time, in microseconds since 1970, with every append and each second.
    At most `queue` commands wait; past that an append is refused with `log_overloaded`.
    """

    def __init__(
        self, dsn: str, pool: asyncpg.Pool, observe: Callable[[int], None] = _unobserved, queue: int = 4096
    ) -> None:
        self._pool = pool
        self._observe = observe
        self._tail = Tail(self._page)
        self._heads = Heads(self._head)
        self._listener = Listener(dsn, observe)
        self._writer = Writer(dsn, self._committed, queue)

    async def start(self) -> None:
        """Begins to write and to listen; does not wait for the database to be there."""
        self._writer.start()
        self._listener.start()

    async def close(self) -> None:
        """Appends what waits (5 seconds at most) and closes its own connections."""
        await self._writer.close()
        await self._listener.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def append(self, command: Command) -> Appended:
        """See Store.append. Raises LogUnavailable after 5 seconds; then the command is stored wholly or not at all."""
        return await self._writer.append(command)

    async def moved(self, guards: Sequence[Guard]) -> dict[str, int]:
        """See Store.moved."""
        streams, versions = [guard.stream for guard in guards], [guard.version for guard in guards]
        return {row["stream"]: row["now"] for row in await fetch(self._pool, _MOVED, streams, versions)}

    async def stream(self, stream: str, after: int = 0) -> list[Recorded]:
        """See Store.stream."""
        return [recorded(row) for row in await fetch(self._pool, _STREAM, stream, after)]

    async def stream_each(self, after: Mapping[str, int]) -> list[Recorded]:
        """See Store.stream_each."""
        return [recorded(row) for row in await fetch(self._pool, _STREAM_EACH, list(after), list(after.values()))]

    async def read(self, after: int, limit: int, max_bytes: int = 1_000_000) -> list[Recorded]:
        """See Store.read."""
        return await self._tail.read(after, limit, max_bytes)

    async def head(self) -> Head:
        """See Store.head."""
        return await self._heads.read()

    async def wait(self, after: int, timeout: float) -> None:
        """See Store.wait."""
        await self._listener.wait(after, timeout)

    def tell(self, grown: Callable[[int], None]) -> AbstractContextManager[None]:
        """See Store.tell."""
        return self._listener.tell(grown)

    async def snapshot(self, stream: str) -> Snapshot | None:
        """See Store.snapshot."""
        rows = await fetch(self._pool, _SNAPSHOT, stream)
        return Snapshot(**rows[0]) if rows else None

    async def snapshot_each(self, streams: Sequence[str]) -> dict[str, Snapshot]:
        """See Store.snapshot_each."""
        rows = await fetch(self._pool, _SNAPSHOT_EACH, streams)
        return {row["stream"]: Snapshot(row["version"], row["schema"], row["state"]) for row in rows}

    async def keep_snapshot(self, stream: str, snapshot: Snapshot) -> None:
        """See Store.keep_snapshot."""
        await fetch(self._pool, _KEEP, stream, snapshot.version, snapshot.schema, snapshot.state)

    async def sweep_snapshots(self) -> None:
        """Drops snapshots that nobody has kept anew for longer than any stream that is snapshotted is used."""
        while (await fetch(self._pool, "SELECT eventlog.sweep_snapshots() AS gone"))[0]["gone"]:
            continue

    async def log_id(self) -> str:
        """Which log this is: a random UUID, made once with the database."""
        return str((await fetch(self._pool, "SELECT id FROM eventlog.log_id"))[0]["id"])

    async def _page(self, after: int, limit: int, max_bytes: int) -> list[Recorded]:
        return [recorded(row) for row in await fetch(self._pool, _READ, after, limit, max_bytes)]

    async def _head(self) -> Head:
        before = self._tail.last
        now = head((await fetch(self._pool, HEAD))[0])
        self._tail.confirm(now, before)
        self._observe(now.now)
        return now

    def _committed(self, stored: Sequence[tuple[Command, Appended]], now: int) -> None:
        self._tail.stored(stored)
        self._listener.heard(max((appended.last for _, appended in stored), default=0))
        self._observe(now)
