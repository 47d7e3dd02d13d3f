"""A lost answer is settled by sending the command again: nothing acknowledged is lost, nothing is stored twice."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from eventlog.errors import LogUnavailable, Refusal
from eventlog.postgres import PostgresStore
from tests.harness.database import LOCK, Database
from tests.harness.log import assert_sound, command, event, everything
from tests.harness.severed import severable
from tests.harness.writers import assert_guards_held, assert_stored, contend

MARKER = b"what is being appended"
EVENTS_A_KILL = 30
KILL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'eventlog writer'"


@asynccontextmanager
async def over(database: Database, dsn: str) -> AsyncIterator[PostgresStore]:
    """A store that writes by another way than it reads."""
    async with database.pool() as pool, PostgresStore(dsn, pool) as store:
        yield store


@pytest.mark.parametrize("silent", [False, True], ids=["connection closed", "no answer ever"])
async def test_a_lost_answer_is_given_again(database: Database, silent: bool) -> None:
    async with severable(database.dsn, MARKER) as (dsn, way), over(database, dsn) as store:
        await store.append(command("before", {"a/1": 0}))
        way.lose(1, silent)
        sent = [command(f"c{n}", {f"s/{n}": 0}, {"a/1": 1}, events=(event(MARKER),)) for n in range(20)]
        answers = await asyncio.gather(*(store.append(one) for one in sent))
        assert way.lost == 1
        rows = await everything(store)
    assert [answer.first for answer in answers] == list(range(2, 22))
    assert [row.command_id for row in rows] == ["before", *(one.id for one in sent)]
    assert_sound(rows)


async def test_answers_lost_again_and_again_are_given_in_the_end(database: Database) -> None:
    async with severable(database.dsn, MARKER) as (dsn, way), over(database, dsn) as store:
        way.lose(3)
        answer = await store.append(command("c", {"a/1": 0}, events=(event(MARKER), event(MARKER))))
        assert (way.lost, answer.first, answer.last) == (3, 1, 2)
        assert len(await everything(store)) == 2


async def test_a_killed_backend_loses_and_doubles_nothing(database: Database) -> None:
    async with database.store() as store, database.admin() as admin:
        running = asyncio.create_task(contend(store, "one", 40))
        kills = 0
        while not running.done():
            await store.wait((await store.head()).position + EVENTS_A_KILL, timeout=0.5)
            kills += await admin.fetchval(f"SELECT count(*) FROM ({KILL}) killed")
        acknowledged = await running
        rows = await everything(store)
    assert kills > 1
    assert_sound(rows)
    assert_stored(rows, acknowledged)
    assert_guards_held(rows)


async def test_a_cancelled_caller_leaves_the_log_whole(database: Database) -> None:
    async with database.store() as store:
        for batch in range(20):
            sent = [command(f"c{batch}-{n}", {f"a/{batch}-{n}": 0, f"b/{batch}-{n}": 0}) for n in range(20)]
            tasks = [asyncio.create_task(store.append(one)) for one in sent]
            await asyncio.wait(tasks, timeout=batch * 0.0002)
            for task in tasks[::2]:
                task.cancel()
            answers = await asyncio.gather(*tasks, return_exceptions=True)
            assert not any(isinstance(answer, BaseException) for answer in answers[1::2])
        rows = await everything(store)
    assert_sound(rows)
    assert all(len([row for row in rows if row.command_id == id_]) == 2 for id_ in {row.command_id for row in rows})


async def test_a_cancelled_reader_leaves_the_pool_clean(database: Database) -> None:
    async with database.pool(size=1) as pool, PostgresStore(database.dsn, pool) as store:
        await store.append(command("c", {"a/1": 0}))
        for n in range(20):
            reading = asyncio.create_task(store.read(0, 10))
            await asyncio.wait([reading], timeout=n * 0.0001)
            reading.cancel()
        assert len(await store.read(0, 10)) == 1


async def test_a_caller_is_told_in_time_that_the_log_does_not_answer(database: Database) -> None:
    async with database.store() as store, database.admin() as admin:
        await store.append(command("c1", {"a/1": 0}))
        await admin.execute("SELECT pg_advisory_lock($1)", LOCK)
        began = time.monotonic()
        with pytest.raises(LogUnavailable):
            await store.append(command("c2", {"a/1": 1}))
        assert time.monotonic() - began < 10
        await admin.execute("SELECT pg_advisory_unlock($1)", LOCK)
        await store.append(command("c3", {"b/1": 0}))
        rows = await everything(store)
    assert_sound(rows)
    assert len({row.command_id for row in rows} & {"c1", "c3"}) == 2


async def test_past_its_queue_the_log_refuses_at_once(database: Database) -> None:
    async with (
        database.pool() as pool,
        PostgresStore(database.dsn, pool, queue=3) as store,
        database.admin() as admin,
    ):
        await admin.execute("SELECT pg_advisory_lock($1)", LOCK)
        first = asyncio.create_task(store.append(command("first", {"a/1": 0})))
        await database.connected("eventlog writer", 1)
        sent = [asyncio.create_task(store.append(command(f"c{n}", {f"s/{n}": 0}))) for n in range(5)]
        done, _ = await asyncio.wait(sent, return_when=asyncio.FIRST_EXCEPTION)
        refusals = [task.exception() for task in done]
        assert [isinstance(one, Refusal) and one.code for one in refusals] == ["log_overloaded"] * 2
        await admin.execute("SELECT pg_advisory_unlock($1)", LOCK)
        await asyncio.gather(first, *sent[:3])
        assert len(await everything(store)) == 4


async def test_what_the_database_refuses_fails_that_command_alone(database: Database) -> None:
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute("ALTER TABLE eventlog.events ADD CHECK (body <> 'refused')")
    await owner.close()
    async with database.store() as store:
        sent = [command(f"c{n}", {f"s/{n}": 0}, events=(event(b"refused" if n == 7 else b"{}"),)) for n in range(20)]
        answers = await asyncio.gather(*(store.append(one) for one in sent), return_exceptions=True)
        assert [n for n, answer in enumerate(answers) if isinstance(answer, asyncpg.CheckViolationError)] == [7]
        rows = await everything(store)
    assert len(rows) == 19
    assert_sound(rows)


async def test_closing_appends_what_waits_and_refuses_what_comes(database: Database) -> None:
    async with database.pool() as pool:
        store = PostgresStore(database.dsn, pool)
        await store.start()
        waiting = [asyncio.create_task(store.append(command(f"c{n}", {f"s/{n}": 0}))) for n in range(20)]
        await asyncio.sleep(0)
        await store.close()
        assert len(await asyncio.gather(*waiting)) == 20
        with pytest.raises(LogUnavailable):
            await store.append(command("late", {"late": 0}))
