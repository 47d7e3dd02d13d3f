"""Whose turn it is among the processes of a service, for what only one of them may do at a time."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg

from eventlog.postgres.connection import CALL, LOST
from watchword.clock import boot_ns

PING = 1.0
POLL = 0.5
LEASE = 3
LEASE_NS = LEASE * 1_000_000_000


class TurnLost(Exception):
    """This process was stopped, or its database did not answer: another may hold the turn now."""


class Turn:
    """The connection that holds the lock, which the server ends when it has not been pinged for 3 s."""

    def __init__(self, connection: asyncpg.pool.PoolConnectionProxy) -> None:
        self._connection = connection
        self._pinged = 0

    def check(self) -> None:
        """Raises TurnLost where the turn may have passed on: by this process's own clock, which goes on while it is
        stopped, so that it says so before anything was heard of the connection's end.
        """
        if boot_ns() - self._pinged > LEASE_NS:
            raise TurnLost(f"not heard of for {LEASE} s")

    async def keep(self) -> None:
        """Pings each second, however long other work takes; ends with an error where the turn is lost."""
        while True:
            await self.ping()
            await asyncio.sleep(PING)

    async def ping(self, query: str = "SELECT 1") -> None:
        """The server counts from its answer, this process from before it asked."""
        before = boot_ns()
        await self._connection.execute(query, timeout=CALL)
        self._pinged = before

    async def end(self, key: int) -> None:
        """Gives the turn up; a connection that does not answer is cut, so that it holds nothing."""
        try:
            await self._connection.execute("RESET idle_session_timeout")
            await self._connection.execute("SELECT pg_advisory_unlock($1)", key)
        except LOST:
            with suppress(asyncpg.InterfaceError):  # the pool has cut it already
                self._connection.terminate()


@asynccontextmanager
async def turn(pool: asyncpg.Pool, name: str) -> AsyncIterator[Turn]:
    """Waits for the turn `name`, and holds it while the context lasts and it is kept.

    It asks for the lock again and again: a statement that waits for one would hold a snapshot, which slows appends.
    """
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
    async with pool.acquire() as connection:
        mine = Turn(connection)
        try:
            # First: a process that is stopped right after it got the lock must not keep it.
            await mine.ping(f"SET idle_session_timeout = '{LEASE}s'")
            while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", key, timeout=CALL):
                await asyncio.sleep(POLL)
            await mine.ping()
            yield mine
        finally:
            await mine.end(key)
