"""Facts of one kind are listed a page at a time, however many of other kinds there are."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from eventlog.projection import Rows
from eventlog.projection.rows import SCHEMA
from services.policy.projections import FACTS
from services.policy.queries.listed import ListedFacts
from tests.harness.database import Database

OTHERS = 20_000
LOOKED_AT = "SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables WHERE relname = $1"
FILLED = """
INSERT INTO projection_rows (projection, kind, key, value)
SELECT $1, 'fact', format('%s/%s', stream, number), jsonb_build_object('kind', sort)
FROM generate_series(1, $2::int) number, (VALUES ('assignment', 'assignment'), ('resource', 'owner')) of (stream, sort)
UNION ALL
SELECT $1, 'fact', format('%s/%s more', stream, number), jsonb_build_object('kind', sort)
FROM generate_series(10, 14) number, (VALUES ('role', 'role'), ('resource', 'parent')) of (stream, sort)
"""


@pytest_asyncio.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    """One connection, so that what it has looked at is counted before it is asked."""
    await database.migrate([SCHEMA])
    async with database.pool(1) as pool:
        await pool.execute("INSERT INTO projection_checkpoints VALUES ($1, 7, '')", FACTS.name)
        await pool.execute(FILLED, FACTS.name, OTHERS)
        yield pool


async def looked_at(pool: asyncpg.Pool) -> int:
    await pool.execute("SELECT pg_stat_force_next_flush()")
    found: int = await pool.fetchval(LOOKED_AT, "projection_rows")
    return found


@pytest.mark.parametrize("kind", ["role", "parent"])
async def test_a_page_of_few_among_many_looks_at_these_few(pool: asyncpg.Pool, kind: str) -> None:
    listed, before = ListedFacts(Rows(pool, FACTS.name)), await looked_at(pool)
    first = await listed.page(kind, "", 3)
    second = await listed.page(kind, first.next, 3)
    assert [len(first.values), len(second.values), second.next, second.position] == [3, 2, "", 7]
    assert {one["kind"] for one in (*first.values, *second.values)} == {kind}
    assert await looked_at(pool) - before < 100


async def test_all_kinds_are_listed_together(pool: asyncpg.Pool) -> None:
    listed, after, found = ListedFacts(Rows(pool, FACTS.name)), "", 0
    while True:
        page = await listed.page(None, after, 10_000)
        found += len(page.values)
        if not page.next:
            break
        after = page.next
    assert found == 2 * OTHERS + 10
