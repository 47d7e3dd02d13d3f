"""What is kept for a while is kept alike in memory and in a table, for all processes, and only until its time."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from chassis.kept import Kept, MemoryKept, PostgresKept
from tests.harness.database import Database
from tests.unit.token.world import SetClock

SCHEMA = (Path(__file__).parents[2] / "services" / "token" / "schema.sql").read_text()


@pytest_asyncio.fixture
async def processes(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[tuple[SetClock, Kept, Kept]]:
    """Two processes on one store."""
    clock = SetClock()
    if request.param == "memory":
        shared = MemoryKept(clock.now)
        yield clock, shared, shared
        return
    await database.migrate([SCHEMA])
    async with database.pool() as pool:
        yield clock, PostgresKept(pool, clock.now), PostgresKept(pool, clock.now)


both = pytest.mark.parametrize("processes", ["memory", "postgresql"], indirect=True)


@both
async def test_what_one_process_keeps_another_finds_until_its_time(processes: tuple[SetClock, Kept, Kept]) -> None:
    clock, a, b = processes
    await a.keep("request", "handle", b"asked", clock.now() + 10)
    assert await b.find("request", "handle") == b"asked"
    assert await b.find("proof", "handle") is None
    clock.time += 10
    assert await b.find("request", "handle") is None
    assert await b.take("request", "handle") is None


@both
async def test_it_is_taken_once(processes: tuple[SetClock, Kept, Kept]) -> None:
    clock, a, b = processes
    await a.keep("request", "handle", b"asked", clock.now() + 10)
    taken = await asyncio.gather(*(one.take("request", "handle") for one in (a, b) * 4))
    assert taken.count(b"asked") == 1
    assert await a.find("request", "handle") is None


@both
async def test_it_is_claimed_once_and_again_after_its_time(processes: tuple[SetClock, Kept, Kept]) -> None:
    clock, a, b = processes
    claimed = await asyncio.gather(*(one.claim("proof", "jti", clock.now() + 10) for one in (a, b) * 4))
    assert claimed.count(True) == 1
    clock.time += 10
    assert await b.claim("proof", "jti", clock.now() + 10)


async def test_what_is_over_is_swept_and_nobody_reads_a_secret_in_the_table(database: Database) -> None:
    clock = SetClock()
    await database.migrate([SCHEMA])
    async with database.pool() as pool:
        kept = PostgresKept(pool, clock.now)
        await kept.keep("request", "a-secret-handle", b"over", clock.now() + 1)
        await kept.keep("request", "another", b"goes on", clock.now() + 1000)
        assert b"a-secret-handle" not in b"".join([row["key"] for row in await pool.fetch("SELECT key FROM kept")])
        clock.time += 10
        await kept.sweep(clock.now())
        assert [row["value"] for row in await pool.fetch("SELECT value FROM kept")] == [b"goes on"]
