"""A store outlives its database: after a restart it appends, reads and wakes those who wait."""

import asyncio
from pathlib import Path

import asyncpg

from eventlog.migrate import migrate
from eventlog.postgres import PostgresStore
from suite.databases import furnish
from suite.place import Place
from suite.postgres import embedded
from tests.harness.log import assert_sound, command, everything


async def test_a_restarted_database_loses_nothing_and_wakes_who_waits(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with embedded(data) as server:
        made = await furnish(server, Place(data), "restarted")
        await migrate(made.owner, "restarted")
        pool = await asyncpg.create_pool(made.running, min_size=1, max_size=2)
        store = PostgresStore(made.running, pool)
        await store.start()
        before = await store.append(command("before", {"a/1": 0}))
    meanwhile = asyncio.create_task(store.append(command("meanwhile", {"a/1": 1})))
    waiting = asyncio.create_task(store.wait(1, timeout=60))
    async with embedded(data):
        async with asyncio.timeout(20):
            assert (await meanwhile).first == 2
            await waiting
            async with PostgresStore(made.running, pool) as other:
                follower = asyncio.create_task(store.wait(2, timeout=60))
                await other.append(command("after", {"a/1": 2}))
                await follower
        rows = await everything(store)
        await store.close()
        pool.terminate()
    assert [row.command_id for row in rows] == ["before", "meanwhile", "after"]
    assert rows[0].position == before.first
    assert_sound(rows)


async def test_a_store_starts_before_its_database_does(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with embedded(data) as server:
        made = await furnish(server, Place(data), "restarted")
        await migrate(made.owner, "restarted")
    pool = asyncpg.create_pool(made.running, min_size=0, max_size=2)
    async with PostgresStore(made.running, pool) as store:
        first = asyncio.create_task(store.append(command("first", {"a/1": 0})))
        async with embedded(data):
            assert (await first).first == 1
