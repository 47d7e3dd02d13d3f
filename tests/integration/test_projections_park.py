"""What cannot be folded is parked with all that follows in its stream until a retry; outages park nothing (RULES 6)."""

from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256

import asyncpg

from eventlog.events import Event, Recorded
from eventlog.projection import Change, MemoryProjection, MemoryRows, Projection, Reaction, Rows, foreign
from tests.integration.projecting import Doing, at_home, reached, stands_at, table, texts
from tests.unit.projection.notes import NOTES, Written, fold, notes, running, until, write, write_raw, written

TOO_LONG = "".join(sha256(bytes([number])).hexdigest() for number in range(100))
"""A key that no index takes."""


async def test_a_parked_event_parks_what_follows_in_its_stream_while_the_checkpoint_moves_on(
    pool: asyncpg.Pool,
) -> None:
    store = await written("a:1", "a:poison", "b:1", "a:3", "b:2")
    one = table(pool, store)
    async with reached(one, 5):
        assert await texts(one.rows) == {"a": "1", "b": "2"}
        assert await one.rows.parked() == {"note/a"}
        async with pool.acquire() as connection:
            assert [row.position for row in await one.rows.parked_rows(connection)] == [2, 4]
    async with reached(table(pool, store), 5):
        assert await one.rows.parked() == {"note/a"}


async def test_what_comes_later_in_a_parked_stream_is_parked_too_whoever_follows_by_then(pool: asyncpg.Pool) -> None:
    store = await written("a:1", "a:poison")
    one, another = table(pool, store), table(pool, store)
    async with reached(one, 2):
        await write(store, Written(note="a", text="3"), Written(note="b", text="1"))
        await stands_at(one.rows, 4)
        assert await texts(one.rows) == {"a": "1", "b": "1"}
    await write(store, Written(note="a", text="4"), Written(note="b", text="2"))
    async with reached(another, 6):
        assert await texts(another.rows) == {"a": "1", "b": "2"}
        assert await another.rows.parked_events() == {"note/a": 3}


async def test_what_the_database_cannot_take_is_parked_alone(pool: asyncpg.Pool) -> None:
    store = await written("a:1")
    await write_raw(store, "b", Written.type, b'{"note":"b","text":"nul \\u0000"}')
    await write(store, Written(note="c", text="1"))
    await write(store, Written(note=TOO_LONG, text="1"), Written(note="d", text="1"))
    one = table(pool, store)
    async with reached(one, 5):
        assert await texts(one.rows) == {"a": "1", "c": "1", "d": "1"}
        assert await one.rows.parked() == {"note/b", f"note/{TOO_LONG}"}


async def test_a_newer_version_is_parked_until_a_release_that_reads_it_retries(pool: asyncpg.Pool) -> None:
    store = await written("a:1")
    await write_raw(store, "a", "watchword.notes.note.written.v2", b'{"note":"a","text":"2"}')
    await write(store, Written(note="a", text="3"), Written(note="b", text="1"))
    async with reached(table(pool, store), 4):
        pass

    async def newer(row: Recorded) -> Event | None:
        return notes.decode(row.type.replace(".v2", ".v1"), row.body)

    released = table(pool, store, Projection("notes", "notes", newer, fold))
    async with running(released.run):
        assert await texts(released.rows) == {"a": "1", "b": "1"}
        assert await released.retry() == (2, 0)
        assert await texts(released.rows) == {"a": "3", "b": "1"}
        assert not await released.rows.parked()


async def test_a_retry_that_fails_again_keeps_the_order(pool: asyncpg.Pool) -> None:
    store = await written("a:poison", "a:2", "b:poison")
    one = table(pool, store)
    async with reached(one, 3):
        assert await one.retry() == (0, 3)
        assert await texts(one.rows) == {}


async def test_memory_takes_over_what_was_retried_in_the_table(pool: asyncpg.Pool) -> None:
    store = await written("a:1", "a:poison")
    healed = False

    def healing(event: Event, row: Recorded) -> Iterable[Change]:
        return [] if healed and row.position == 2 else list(fold(event, row))

    projection = Projection("notes", "notes", foreign(notes), healing)
    one, believed = table(pool, store, projection), MemoryRows()
    memory = MemoryProjection(projection, one.rows, at_home(store), believed, "m")
    async with running(memory.run), reached(one, 2):
        await until(lambda: memory.parked == {"note/a"})
        assert memory.stale()
        healed = True
        assert await one.retry() == (1, 0)
        await until(lambda: not memory.parked and not memory.stale())


class Once:
    """A database that is gone once, in the midst of something."""

    def __init__(self) -> None:
        self.gone = False

    def lost(self) -> None:
        if not self.gone:
            self.gone = True
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")


async def test_a_lost_database_parks_nothing_in_a_table(pool: asyncpg.Pool) -> None:
    store, database = await written("a:1"), Once()

    async def decode(row: Recorded) -> Event | None:
        database.lost()
        return await NOTES.decode(row)

    one = table(pool, store, replace(NOTES, decode=decode))
    async with reached(one, 1):
        assert await texts(one.rows) == {"a": "1"}
        assert not await one.rows.parked()


async def test_a_lost_database_parks_nothing_of_a_reaction(pool: asyncpg.Pool) -> None:
    store, doing, database = await written("a:1", "a:2"), Doing(), Once()

    async def react(event: Event, row: Recorded) -> None:
        database.lost()
        await doing.react(event, row)

    one = Reaction("reaction", Rows(pool, "reaction"), at_home(store), "a", foreign(notes), react)
    async with reached(one, 2):
        assert doing.done == [1, 2]
        assert not await one.rows.parked()
