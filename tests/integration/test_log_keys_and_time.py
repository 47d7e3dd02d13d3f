"""Seal keys in their table, and the log's time as every process of a service is told it."""

import asyncio

from eventlog.postgres import PostgresSealKeys, PostgresStore
from eventlog.sealing import Sealer, Wrapping
from tests.harness.database import Database
from tests.harness.log import command

KEK = Wrapping(bytes(32))
SECOND = 1_000_000


async def test_two_processes_that_make_a_key_at_once_agree(database: Database) -> None:
    async with database.pool() as pool:
        sealers = [Sealer(KEK, PostgresSealKeys(pool)) for _ in range(8)]
        secrets = await asyncio.gather(*(sealer.secret("account/1") for sealer in sealers))
        assert len(set(secrets)) == 1


async def test_an_erased_key_opens_nothing_any_more(database: Database) -> None:
    async with database.pool() as pool:
        keys = PostgresSealKeys(pool)
        sealed = await Sealer(KEK, keys).seal("account/1", "session/1", 1, b"a name")
        assert await Sealer(KEK, keys).open("account/1", "session/1", 1, sealed) == b"a name"
        await Sealer(KEK, keys).erase("account/1")
        assert await keys.find("account/1") is None
        assert await Sealer(KEK, keys).open("account/1", "session/1", 1, sealed) is None


async def test_the_logs_time_is_told_with_every_append_and_without_any(database: Database) -> None:
    told: asyncio.Queue[int] = asyncio.Queue()
    async with database.pool() as pool, PostgresStore(database.dsn, pool, observe=told.put_nowait) as store:
        async with asyncio.timeout(30):
            unasked = [await told.get() for _ in range(3)]
        answer = await store.append(command("c", {"a/1": 0}))
        after = [told.get_nowait() for _ in range(told.qsize())]
    assert unasked == sorted(unasked)
    assert answer.time in after


async def test_the_logs_time_stands_still_where_the_databases_clock_was_set_back(database: Database) -> None:
    """What was written before that is from what is the future now: until the clock comes there, time does not go on."""
    async with database.store() as store, database.admin() as admin:
        first = await store.append(command("c1", {"a/1": 0}))
        await admin.execute("UPDATE eventlog.events SET time = time + interval '1 hour'")
        await store.append(command("c2", {"a/1": 1}))
        rows = await store.read(0, 10)
        told = (await store.head()).now
    assert [row.time for row in rows] == [first.time + 3600 * SECOND] * 2
    assert told == rows[-1].time


async def test_a_log_keeps_its_id(database: Database, other_database: Database) -> None:
    async with database.store() as one, database.store() as two, other_database.store() as other:
        assert await one.log_id() == await two.log_id()
        assert await one.log_id() != await other.log_id()
