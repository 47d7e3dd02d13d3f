"""Two processes append to the same streams at once: gap-free, one winner per version, guards respected."""

import asyncio
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tests.harness.database import Database
from tests.harness.log import assert_sound, command, event, everything
from tests.harness.writers import TASKS, assert_guards_held, assert_stored, contend, in_a_process

ROUNDS = 12


def assert_overlap(one: list[int], two: list[int]) -> None:
    """Neither had finished before the other began: else nothing was contended."""
    assert max(min(one), min(two)) < min(max(one), max(two))


async def test_two_processes_append_to_the_same_streams(database: Database) -> None:
    loop = asyncio.get_running_loop()
    async with database.store() as store:
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
            running = [
                loop.run_in_executor(processes, in_a_process, database.dsn, name, ROUNDS) for name in ("one", "two")
            ]
            await database.connected("eventlog listener", 3)
            go = await store.append(command("go", {"go": 0}, events=(event(b'{"guarded":"none","version":0}'),)))
            one, two = await asyncio.gather(*running)
        rows = await everything(store)
    assert len(rows) == 1 + 2 * TASKS * ROUNDS
    assert_sound(rows)
    assert_stored(rows, {"go": go} | one | two)
    assert_guards_held(rows)
    assert_overlap([at.first for at in one.values()], [at.first for at in two.values()])


async def test_two_stores_append_to_the_same_streams(database: Database) -> None:
    async with database.store() as one, database.store() as two:
        answers = await asyncio.gather(contend(one, "one", ROUNDS), contend(two, "two", ROUNDS))
        rows = await everything(one)
    assert_sound(rows)
    assert_stored(rows, answers[0] | answers[1])
    assert_guards_held(rows)
    assert_overlap([at.first for at in answers[0].values()], [at.first for at in answers[1].values()])


async def test_a_writer_wakes_those_who_wait_in_another_process(database: Database) -> None:
    async with database.store() as one, database.store() as two:
        waiting = asyncio.create_task(one.wait(0, timeout=60))
        await contend(two, "two", 1)
        async with asyncio.timeout(10):
            await waiting
        assert len(await everything(one)) == TASKS
