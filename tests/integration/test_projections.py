"""Projections in tables: they outlive processes, and nothing is folded twice (RULES 6)."""

from collections.abc import Iterable
from contextlib import suppress

import asyncpg
import pytest

from eventlog.events import Event, Recorded
from eventlog.feed import Batch, RemoteFeed
from eventlog.projection import Change, Projection, Rows, TableProjection, foreign
from tests.harness.database import Database
from tests.integration.projecting import reached, stands_at, table, texts
from tests.unit.projection.notes import (
    NOTES,
    Erased,
    Script,
    Written,
    feed_of,
    fold,
    notes,
    running,
    served,
    until,
    write,
    written,
)

END_TURNS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity JOIN pg_locks USING (pid)
    WHERE locktype = 'advisory' AND datname = current_database()
"""


async def test_it_goes_on_where_it_stopped(pool: asyncpg.Pool) -> None:
    store = await written("a:1", "b:1")
    async with reached(table(pool, store), 2):
        pass
    await write(store, Erased(note="a"), Written(note="c", text="1"))
    again = table(pool, store)
    async with reached(again, 4):
        assert await texts(again.rows) == {"b": "1", "c": "1"}


async def test_a_process_that_was_stopped_amid_a_page_brings_nothing_old_back(pool: asyncpg.Pool) -> None:
    store = await written("a:1")
    stopped, other = table(pool, store), table(pool, store)
    async with reached(stopped, 1):
        pass
    await write(store, Written(note="a", text="2"), Written(note="c", text="1"), Written(note="a", text="3"))
    await write(store, Erased(note="c"))
    async with reached(other, 5):
        pass
    await stopped.take(store.rows[1:3], None)
    assert await texts(other.rows) == {"a": "3"}
    assert (await other.rows.checkpoint()).position == 5


async def test_one_process_folds_and_another_takes_over_when_it_ends(pool: asyncpg.Pool) -> None:
    store = await written("a:1")
    folded: list[tuple[str, int]] = []

    def counting(name: str) -> Projection:
        def count(event: Event, row: Recorded) -> Iterable[Change]:
            folded.append((name, row.position))
            return fold(event, row)

        return Projection("notes", "notes", foreign(notes), count)

    one, two = (table(pool, store, counting(name), name) for name in ("one", "two"))
    async with running(two.run):
        async with reached(one, 1):
            await write(store, *[Written(note="a", text=str(number)) for number in range(50)])
            await stands_at(one.rows, 51)
            first = {name for name, _ in folded}
        if first == {"one"}:
            await write(store, Written(note="a", text="after"))
            await stands_at(two.rows, 52)
    positions = [position for _, position in folded]
    assert positions == sorted(set(positions))
    assert len(first) == 1


async def test_a_process_whose_turn_has_passed_on_says_nothing_of_how_level_it_is(pool: asyncpg.Pool) -> None:
    store = await written("a:1")
    one, two = table(pool, store, reader="one"), table(pool, store, reader="two")
    async with reached(one, 1), running(two.run):
        await until(lambda: one.age() is not None)
        while two.age() is None:  # whoever holds the turn loses it; which of them is next is nobody's to say
            await pool.execute(END_TURNS)
            with suppress(TimeoutError):
                await until(lambda: two.age() is not None, 1.5)
        await until(lambda: (one.age(), one.head) == (None, 0))


async def test_a_gap_or_a_broken_chain_is_never_folded(pool: asyncpg.Pool) -> None:
    store = await written("a:1", "b:1", "c:1")
    source = Script([Batch([store.rows[0], store.rows[2]], None)], store)
    one = TableProjection(NOTES, Rows(pool, "notes"), source, "t")
    async with reached(one, 3):
        assert await texts(one.rows) == {"a": "1", "b": "1", "c": "1"}


@pytest.mark.parametrize("restored", [["a:1"], ["a:1", "b:2"]], ids=["shorter", "as-long"])
async def test_a_log_that_was_restored_to_before_what_was_applied_proves_nothing(
    pool: asyncpg.Pool, restored: list[str]
) -> None:
    async with reached(table(pool, await written("a:1", "b:1")), 2):
        pass
    again = table(pool, await written(*restored))
    async with running(again.run):
        await until(lambda: again.transport.trouble == "log_restored")
        assert again.age() is None
        assert await texts(again.rows) == {"a": "1", "b": "1"}


async def test_another_services_log_is_folded_over_grpc(pool: asyncpg.Pool) -> None:
    store = await written("a:1")
    async with served(feed_of(store)) as channel:
        one = TableProjection(NOTES, Rows(pool, "notes"), RemoteFeed("notes", channel), "t")
        async with reached(one, 1):
            await write(store, Written(note="a", text="2"))
            await stands_at(one.rows, 2)
            assert await texts(one.rows) == {"a": "2"}


async def test_a_rebuild_takes_the_place_of_the_old_rows_when_it_has_caught_up(pool: asyncpg.Pool) -> None:
    store = await written("a:1", "a:poison", "b:1")
    one = table(pool, store)
    async with reached(one, 3):
        assert await one.rows.parked()
    corrected = table(pool, store, Projection("notes", "notes", foreign(notes), _corrected))
    async with running(corrected.run):
        assert await corrected.rebuild() == 3
        assert await texts(corrected.rows) == {"a": "POISON", "b": "1"}
        assert not await corrected.rows.parked()
        await write(store, Written(note="c", text="new"))
        await stands_at(corrected.rows, 4)
        assert (await texts(corrected.rows))["c"] == "NEW"
    assert await pool.fetchval("SELECT count(*) FROM projection_rows") == 3
    assert await pool.fetchval("SELECT count(*) FROM projection_checkpoints") == 1


def _corrected(event: Event, row: Recorded) -> Iterable[Change]:
    assert isinstance(event, Written)
    return fold(Written(note=event.note, text=event.text.upper()), row)


async def test_a_projection_goes_on_after_its_database_was_gone(pool: asyncpg.Pool, database: Database) -> None:
    store = await written("a:1")
    one = table(pool, store)
    async with reached(one, 1):
        async with database.admin() as admin:
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", database.role
            )
        await write(store, Written(note="a", text="2"))
        await stands_at(one.rows, 2)
        assert await texts(one.rows) == {"a": "2"}
