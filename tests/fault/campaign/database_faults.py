"""What can be wrong with a PostgreSQL that runs: no connection to be had, no room on its disk."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import mkdtemp

import asyncpg

from suite.account import database_account
from suite.databases import SERVICES
from tests.fault.campaign.world import World

ROOM = 8 * 2**20
"""Bytes that a small disk has beside what is moved to it."""
_FULL = """
CREATE FUNCTION eventlog.no_room() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER no_room BEFORE INSERT ON eventlog.events FOR EACH STATEMENT EXECUTE FUNCTION eventlog.no_room();
"""
_ROOM = "DROP TRIGGER no_room ON eventlog.events; DROP FUNCTION eventlog.no_room()"


async def connections_exhausted(world: World, hold: float) -> None:
    """Every connection is taken away, and each new one is refused with `too_many_connections`."""
    async with superuser(world) as admin:
        for role in SERVICES:
            await admin.execute(f"ALTER ROLE {role} CONNECTION LIMIT 0")
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ANY($1)", list(SERVICES)
        )
        try:
            await asyncio.sleep(hold)
        finally:
            for role in SERVICES:
                await admin.execute(f"ALTER ROLE {role} CONNECTION LIMIT -1")


async def disk_full(world: World, hold: float) -> str:
    """The disk that token's events lie on is full: really, where root may mount a small one, else by its error."""
    async with superuser(world, "token") as admin:
        size = await admin.fetchval("SELECT pg_table_size('eventlog.events')")
        small = await asyncio.to_thread(_mount, size + ROOM)
        if small is None:
            await _refuse(admin, hold)
            return "by its error"
        try:
            await _fill(admin, small, hold)
        finally:
            await asyncio.to_thread(_unmount, small)
        return "on a tmpfs"


def _mount(size: int) -> Path | None:
    if os.geteuid() != 0:
        return None
    small = Path(mkdtemp(dir="/tmp", prefix="small-"))
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(small)], capture_output=True
    ).returncode:
        small.rmdir()
        return None
    account = database_account(Path("/nonexistent"))
    if account is not None:
        os.chown(small, account.uid, account.gid)
    return small


def _unmount(small: Path) -> None:
    subprocess.run(["umount", str(small)], check=True)
    small.rmdir()


async def _refuse(admin: asyncpg.Connection, hold: float) -> None:
    await admin.execute(_FULL)
    try:
        await asyncio.sleep(hold)
    finally:
        await admin.execute(_ROOM)


async def _fill(admin: asyncpg.Connection, small: Path, hold: float) -> None:
    """Moves the table there, leaves it no room for a while, and moves it back."""
    ballast = small / "ballast"
    await admin.execute("SET lock_timeout = '20s'")
    await admin.execute(f"CREATE TABLESPACE small LOCATION '{small}'")
    try:
        await admin.execute("ALTER TABLE eventlog.events SET TABLESPACE small")
        with ballast.open("wb") as file:
            await asyncio.to_thread(_to_the_last_byte, file.fileno())
        await asyncio.sleep(hold)
    finally:
        ballast.unlink(missing_ok=True)
        await admin.execute("ALTER TABLE eventlog.events SET TABLESPACE pg_default")
        await admin.execute("DROP TABLESPACE small")


def _to_the_last_byte(file: int) -> None:
    piece = bytes(4096)
    try:
        while True:
            os.write(file, piece)
    except OSError:
        return


@asynccontextmanager
async def superuser(world: World, database: str = "postgres") -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(world.server.on(database).dsn, timeout=20)
    try:
        yield connection
    finally:
        await connection.close()
