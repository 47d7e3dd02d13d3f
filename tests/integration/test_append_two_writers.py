"""Two processes append to the same streams at once: gap-free, one winner per version, guards respected."""

import asyncio
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from eventlog.events import Recorded
from eventlog.postgres import PostgresStore
from eventlog.store import Appended
from tests.harness.database import Database
from tests.harness.log import assert_sound, everything
from tests.harness.writers import TASKS, assert_guards_held, assert_stored, contend, contend_together, in_a_process

ROUNDS = 25


def assert_contended(rows: list[Recorded], one: dict[str, Appended], two: dict[str, Appended]) -> None:
    """Both stored all of theirs, neither had finished before the other began, and all rules held."""
    assert len(rows) == 2 * (1 + TASKS * ROUNDS)
    assert_sound(rows)
    assert_stored(rows, one | two)
    assert_guards_held(rows)
    (*_, first_end), (*_, second_end) = sorted(at.last for at in one.values()), sorted(at.last for at in two.values())
    assert sum(row.position < min(first_end, second_end) for row in rows) > 1 + TASKS * ROUNDS


async def test_two_processes_append_to_the_same_streams(database: Database) -> None:
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        one, two = await asyncio.gather(
            *(loop.run_in_executor(processes, in_a_process, database.dsn, name, ROUNDS) for name in ("one", "two"))
        )
    async with database.store() as store:
        assert_contended(await everything(store), one, two)


async def test_two_stores_append_to_the_same_streams(database: Database) -> None:
    async with database.store() as first, database.store() as second:
        one, two = await asyncio.gather(contend_together(first, "one", ROUNDS), contend_together(second, "two", ROUNDS))
        assert_contended(await everything(first), one, two)


async def test_a_writer_wakes_those_who_wait_in_another_process(database: Database) -> None:
    async with database.store() as one, database.store() as two:
        waiting = asyncio.create_task(one.wait(0, timeout=60))
        await contend(two, "two", 1)
        async with asyncio.timeout(10):
            await waiting
        assert len(await everything(one)) == TASKS


async def test_who_follows_a_process_is_given_what_the_database_holds(database: Database) -> None:
    async with database.store() as one, database.store() as two, database.store() as fresh:
        await asyncio.gather(*(one.read(0, 500), two.read(0, 500)))
        followed = [asyncio.create_task(everything_of(store, 2 * (1 + TASKS * 5))) for store in (one, two)]
        await asyncio.gather(contend_together(one, "one", 5), contend_together(two, "two", 5))
        async with asyncio.timeout(30):
            first, second = await asyncio.gather(*followed)
        assert first == second == await everything(fresh)


async def everything_of(store: PostgresStore, count: int) -> list[Recorded]:
    """Follows a log as it grows, until it has `count` rows."""
    rows: list[Recorded] = []
    while len(rows) < count:
        rows += await store.read(len(rows), 3)
        await store.wait(len(rows), 1)
    return rows
