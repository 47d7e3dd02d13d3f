"""Real databases for tests: one server a session, a fresh database with its two roles a test."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import asyncpg

from eventlog.migrate import migrate
from eventlog.postgres import PostgresStore
from suite.databases import Server, furnish
from suite.place import Place

LOCK = 7310863911
"""The advisory lock that eventlog.append takes: who holds it stops every append."""

_numbers = count(1)


@dataclass(frozen=True, slots=True, repr=False)
class Database:
    """One service's database: `dsn` runs, `owner_dsn` owns, `admin_dsn` is the superuser's, connected to it."""

    role: str
    dsn: str
    owner_dsn: str
    admin_dsn: str

    async def migrate(self, extra_schema: Sequence[str] = ()) -> None:
        """Applies the log's schema, and a service's own."""
        await migrate(self.owner_dsn, self.role, extra_schema)

    @asynccontextmanager
    async def pool(self, size: int = 4) -> AsyncIterator[asyncpg.Pool]:
        """A pool of the running role, cut off at the end: what a test left running must not hold it up."""
        pool = await asyncpg.create_pool(self.dsn, min_size=1, max_size=size)
        try:
            yield pool
        finally:
            pool.terminate()

    @asynccontextmanager
    async def store(self) -> AsyncIterator[PostgresStore]:
        """A started store of the running role, with a pool of its own."""
        async with self.pool() as pool, PostgresStore(self.dsn, pool) as store:
            yield store

    async def connected(self, name: str, number: int) -> None:
        """Returns once so many connections of that application name are open."""
        count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()"
        async with self.admin() as admin, asyncio.timeout(30):
            while await admin.fetchval(count, name) < number:
                await asyncio.sleep(0.01)

    @asynccontextmanager
    async def admin(self) -> AsyncIterator[asyncpg.Connection]:
        """A superuser's connection."""
        connection = await asyncpg.connect(self.admin_dsn)
        try:
            yield connection
        finally:
            await connection.close()


@asynccontextmanager
async def fresh_database(server: Server, data: Path) -> AsyncIterator[Database]:
    """A database of its own, not migrated yet; dropped at the end."""
    name = f"test_{next(_numbers)}"
    made = await furnish(server, Place(data), name)
    try:
        yield Database(name, made.running, made.owner, server.on(name).dsn)
    finally:
        connection = await asyncpg.connect(server.dsn)
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.close()
