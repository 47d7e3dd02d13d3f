"""What was asked is kept alike in memory and in a table: each once, the latest, for a week, from all processes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from services.policy.domain.rules.dryrun import KEPT
from services.policy.questions import DAY, DAYS, QuestionsInMemory, QuestionTable, Table
from tests.harness.database import Database

SCHEMA = (Path(__file__).parents[2] / "services" / "policy" / "schema.sql").read_text()
NOW = 1_000 * DAY


@pytest_asyncio.fixture
async def table(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[Table]:
    if request.param == "memory":
        yield QuestionsInMemory()
        return
    await database.migrate([SCHEMA])
    async with database.pool() as pool:
        yield QuestionTable(pool)


both = pytest.mark.parametrize("table", ["memory", "postgresql"], indirect=True)


def some(first: int, count: int) -> Sequence[bytes]:
    return [f"{number:06}".encode() for number in range(first, first + count)]


@both
async def test_each_is_kept_once_and_the_latest_comes_first(table: Table) -> None:
    await table.keep([b"a", b"b"], NOW)
    await table.keep([b"a"], NOW + 1)
    assert await table.latest() == [b"a", b"b"]


@both
async def test_the_oldest_go_where_there_are_too_many(table: Table) -> None:
    for turn in range(4):
        await table.keep(some(turn * KEPT // 2, KEPT // 2), NOW + turn)
    latest = await table.latest()
    assert len(latest) == KEPT
    assert set(latest) == set(some(KEPT, KEPT))


@both
async def test_none_is_kept_for_longer_than_a_week(table: Table) -> None:
    await table.keep([b"old"], NOW)
    await table.keep([b"new"], NOW + DAYS * DAY)
    assert await table.latest() == [b"new", b"old"]
    await table.keep([b"new"], NOW + DAYS * DAY + 1)
    assert await table.latest() == [b"new"]


@both
async def test_processes_that_keep_the_same_at_once_hold_nobody_up(table: Table) -> None:
    first, second = some(0, KEPT), some(0, KEPT)[::-1]
    turns = [table.keep(first if turn % 2 else second, NOW + turn * DAY) for turn in range(16)]
    async with asyncio.timeout(30):
        await asyncio.gather(*turns)
    assert set(await table.latest()) <= set(first)


@pytest.mark.parametrize("table", ["postgresql"], indirect=True)
async def test_the_table_itself_stays_small(table: QuestionTable) -> None:
    for turn in range(6):
        await table.keep(some(turn * KEPT, KEPT), NOW + turn)
    assert await table.pool.fetchval("SELECT count(*) FROM asked_questions") <= 2 * KEPT
