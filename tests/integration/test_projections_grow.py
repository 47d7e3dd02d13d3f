"""What projections keep follows what goes on, not history, and nothing that keeps it so holds anybody up (RULES 6)."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from eventlog.feed import LocalFeed
from eventlog.postgres.sweep import AT_ONCE, sweep
from eventlog.projection import Lookup, MemoryProjection, MemoryRows, Rows, TableProjection
from eventlog.projection.rebuilding import begin_beside, take_place
from eventlog.projection.rows import FORGET, SCHEMA
from eventlog.readers import MemoryReaders
from eventlog.store import MemoryStore
from tests.harness.database import Database
from tests.unit.projection.notes import NOTES, Written, running, until, write, written
from watchword.clock import boot_ns

FILL = """
INSERT INTO projection_rows
SELECT 'notes', 'note', n::text, '', jsonb_build_object('forget_at_us', n) FROM generate_series(1, $1::int) n
"""


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    await database.migrate([SCHEMA])
    async with database.pool(12) as pool:
        yield pool


def at_home(store: MemoryStore, readers: MemoryReaders | None = None) -> LocalFeed:
    return LocalFeed("notes", store, readers or MemoryReaders(), lambda: boot_ns() // 1000)


async def stands_at(rows: Rows, position: int) -> None:
    async with asyncio.timeout(10):
        while (await rows.checkpoint()).position < position:
            await asyncio.sleep(0.01)


async def count(pool: asyncpg.Pool) -> int:
    return int(await pool.fetchval("SELECT count(*) FROM projection_rows"))


async def test_two_processes_forget_what_is_past_some_at_a_time(pool: asyncpg.Pool, database: Database) -> None:
    await pool.execute(FILL, 3 * AT_ONCE)
    async with database.admin() as admin:
        await admin.execute("""
            CREATE TABLE deletions (rows bigint);
            GRANT ALL ON deletions TO PUBLIC;
            CREATE FUNCTION counted() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN INSERT INTO deletions SELECT count(*) FROM gone; RETURN NULL; END $$;
            CREATE TRIGGER counted AFTER DELETE ON projection_rows REFERENCING OLD TABLE AS gone
                FOR EACH STATEMENT EXECUTE FUNCTION counted();
        """)
    one, two = Rows(pool, "notes"), Rows(pool, "notes")
    await asyncio.gather(one.forget(3 * AT_ONCE - 9), two.forget(3 * AT_ONCE - 9))
    assert await count(pool) == 10
    assert await pool.fetchval("SELECT max(rows) FROM deletions") <= AT_ONCE


async def test_what_is_past_is_found_without_looking_at_the_rest(pool: asyncpg.Pool, database: Database) -> None:
    await pool.execute(FILL, 20 * AT_ONCE)
    async with database.admin() as admin:
        await admin.execute("ANALYZE projection_rows")
        plan = await admin.fetch(f"EXPLAIN SELECT ctid FROM projection_rows WHERE {FORGET}", "notes", 5)
    assert "projection_rows_forget" in "".join(line[0] for line in plan)


async def test_a_sweep_leaves_what_somebody_is_changing_for_the_next_time(pool: asyncpg.Pool) -> None:
    await pool.execute(FILL, 2)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("UPDATE projection_rows SET belongs = 'x' WHERE key = '1'")
        await sweep(pool, "projection_rows", "kind = $1", "note")
    assert await pool.fetchval("SELECT array_agg(key) FROM projection_rows") == ["1"]
    await sweep(pool, "projection_rows", "kind = $1", "note")
    assert await count(pool) == 0


async def test_a_row_that_would_not_change_is_not_written(pool: asyncpg.Pool) -> None:
    store = await written("a:1")
    one = TableProjection(NOTES, Rows(pool, "notes"), at_home(store), "t")
    put = "SELECT xmin::text FROM projection_rows WHERE key = 'a'"
    same = TableProjection(NOTES, Rows(pool, "notes"), at_home(store), "t")
    async with running(one.run):
        await stands_at(one.rows, 1)
    before = await pool.fetchval(put)
    await pool.execute("UPDATE projection_checkpoints SET position = 0, chain_hash = $1", bytes(32))
    async with running(same.run):
        await stands_at(one.rows, 1)
    assert await pool.fetchval(put) == before


async def test_a_start_loads_nothing_of_what_is_looked_up(pool: asyncpg.Pool) -> None:
    store, readers = await written("a:1", "b:1"), MemoryReaders()
    one = TableProjection(NOTES, Rows(pool, "notes"), at_home(store), "t")
    async with running(one.run):
        await stands_at(one.rows, 2)
    lookup = Lookup(Rows(pool, "notes"))
    memory = MemoryProjection(NOTES, one.rows, at_home(store, readers), lookup, "m", kinds=())
    lookup.follows = memory
    async with running(memory.run):
        await until(lambda: memory.ready)
        await write(store, Written(note="b", text="2"))
        assert await memory.wait(3, 10)
        await lookup.learn([("note", "a"), ("note", "b"), ("note", "c")])
        found = [lookup.get("note", key) for key in "abc"]
        assert [row and row["text"] for row in found] == ["1", "2", None]
    assert (await one.rows.load(())).rows == []


async def test_a_rebuild_takes_the_place_of_many_rows_by_writing_none(pool: asyncpg.Pool) -> None:
    await pool.execute(FILL, 10)
    rows = Rows(pool, "notes")
    await rows.begin()
    beside = await begin_beside(rows)
    await pool.execute("UPDATE projection_rows SET projection = $1 WHERE key <> '1'", beside.projection)
    before = await pool.fetch("SELECT key, xmin::text FROM projection_rows ORDER BY key")
    assert await take_place(rows, beside)
    assert await pool.fetch("SELECT key, xmin::text FROM projection_rows ORDER BY key") == before
    assert len((await rows.load()).rows) == 9


async def test_a_release_that_knows_no_places_begins_anew_after_a_rebuild(pool: asyncpg.Pool) -> None:
    store = await written("a:1", "b:1")
    one = TableProjection(NOTES, Rows(pool, "notes"), at_home(store), "t")
    async with running(one.run):
        await stands_at(one.rows, 2)
        await one.rebuild()
    assert await pool.fetchval("SELECT count(*) FROM projection_checkpoints WHERE projection = 'notes'") == 0


async def test_a_rebuild_that_was_broken_off_leaves_nothing_to_the_next(pool: asyncpg.Pool) -> None:
    store = await written("a:1")
    one = TableProjection(NOTES, Rows(pool, "notes"), at_home(store), "t")
    async with running(one.run):
        await stands_at(one.rows, 1)
        beside = await begin_beside(one.rows)
        await pool.execute("INSERT INTO projection_rows VALUES ($1, 'note', 'left', '', '{}')", beside.projection)
        assert await one.rebuild() == 1
        assert [row.key for row in (await one.rows.load()).rows] == ["a"]
    assert await count(pool) == 1


async def test_every_process_sees_how_far_a_rebuild_is_and_nobody_waits_for_it(pool: asyncpg.Pool) -> None:
    readers, store = MemoryReaders(), await written(*[f"a:{number}" for number in range(1200)])
    source = at_home(store, readers)
    one = TableProjection(NOTES, Rows(pool, "notes"), source, "t")
    seen: set[int | None] = set()

    async def look() -> None:
        while True:
            seen.add(await Rows(pool, "notes").rebuilt())

    async with running(one.run), running(look):
        await stands_at(one.rows, 1200)
        await one.rebuild()
        assert await Rows(pool, "notes").rebuilt() is None
    assert {500, 1000} <= seen
    assert {reader.name for reader in await readers.live(0)} == {"t"}


async def test_a_large_group_is_read_a_page_at_a_time(pool: asyncpg.Pool) -> None:
    await pool.execute(FILL, 7)
    rows, after, found = Rows(pool, "notes"), "", []
    while page := await rows.keys("note", "", after, 3):
        found.append(page)
        after = page[-1]
    assert found == [["1", "2", "3"], ["4", "5", "6"], ["7"]]


async def test_rows_are_loaded_by_their_kind(pool: asyncpg.Pool) -> None:
    await pool.execute(FILL, 2)
    rows = Rows(pool, "notes")
    assert len((await rows.load(["note"])).rows) == 2
    assert (await rows.load(["other"])).rows == []


def test_memory_that_holds_all_has_nothing_to_learn() -> None:
    asyncio.run(MemoryRows().learn([("note", "a")]))
