"""Projections in tables, and reactions: they outlive processes, and nothing is done twice (RULES 6)."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256

import asyncpg
import pytest

from eventlog.errors import Kind, Refusal, unavailable
from eventlog.events import Event, Recorded
from eventlog.feed import Batch, LocalFeed, RemoteFeed
from eventlog.projection import (
    Change,
    Drop,
    DropGroup,
    MemoryProjection,
    MemoryRows,
    Patch,
    Projection,
    ProjectionFeed,
    Projections,
    Put,
    Reaction,
    Rows,
    TableProjection,
    foreign,
    reaction_id,
)
from eventlog.projection.bundle import Bundle, bundles
from eventlog.projection.checkpoint import Checkpoint, Moves
from eventlog.projection.rows import SCHEMA
from eventlog.readers import MemoryReaders, PostgresReaders, Reader
from eventlog.store import MemoryStore
from tests.harness.database import Database
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
    write_raw,
    written,
)
from watchword.clock import boot_ns
from watchword.log.v1 import log_pb2


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    """Connections of a service's running role."""
    await database.migrate([SCHEMA])
    async with database.pool(12) as pool:
        yield pool


def at_home(store: MemoryStore) -> LocalFeed:
    return LocalFeed("notes", store, MemoryReaders(), lambda: boot_ns() // 1000)


TOO_LONG = "".join(sha256(bytes([number])).hexdigest() for number in range(100))
"""A key that no index takes."""


def table(pool: asyncpg.Pool, store: MemoryStore, projection: Projection = NOTES, reader: str = "a") -> TableProjection:
    return TableProjection(projection, Rows(pool, projection.name), at_home(store), reader)


async def texts(rows: Rows) -> dict[str, str]:
    return {put.key: put.value["text"] for put in (await rows.load()).rows}


@asynccontextmanager
async def reached(one: TableProjection | Reaction, position: int) -> AsyncIterator[None]:
    """Runs it; the block begins once it stands at the position."""
    async with running(one.run):
        await stands_at(one.rows, position)
        yield


async def stands_at(rows: Rows, position: int) -> None:
    async with asyncio.timeout(10):
        while (await rows.checkpoint()).position < position:
            await asyncio.sleep(0.01)


async def test_rows_and_checkpoint_stand_together_at_every_moment(pool: asyncpg.Pool) -> None:
    store = await written(*[f"note:{number}" for number in range(1, 301)])
    one = table(pool, store)

    async def watch() -> None:
        while True:
            seen = await one.rows.load()
            assert [put.value["position"] for put in seen.rows] == [seen.checkpoint.position][: len(seen.rows)]
            assert seen.checkpoint.position == 0 or seen.rows

    async with running(watch), reached(one, 300):
        await write(store, Written(note="note", text="301"))
        await stands_at(one.rows, 301)
    assert await texts(one.rows) == {"note": "301"}


async def test_rows_change_with_the_checkpoint_or_not_at_all(pool: asyncpg.Pool) -> None:
    rows, memory = Rows(pool, "notes"), MemoryRows()
    await rows.begin()
    at = [await rows.checkpoint(), *(Checkpoint(position, bytes([position]) * 32) for position in (1, 2, 3, 4))]
    put: list[Change] = [Put("note", key, {"text": key, "position": 1}, "x") for key in "abcdg"]
    some: list[Change] = [Patch("note", "b", {"text": "new"}), Drop("note", "c"), Patch("note", "f", {"text": "none"})]
    # One that is put goes from the group before it is dropped, one comes to another, one is spared, and one is gone.
    group: list[Change] = [Put("note", "a", {"text": "new"}, "y"), Put("note", "e", {"text": "e"}, "y")]
    group += [Drop("note", "b"), DropGroup("note", "x", "d"), DropGroup("other", "x")]
    for number, changes in enumerate((put, some, group)):
        (bundle,) = bundles(changes)
        assert await rows.move(at[number], at[number + 1], bundle)
        for change in changes:
            memory.apply(change)
    (late,) = bundles([Put("note", "a", {"text": "late"}), Patch("note", "b", {"text": "late"}), Drop("note", "d")])
    assert not await rows.move(at[2], at[4], late)
    loaded = await rows.load()
    assert {one.key: one for one in loaded.rows} == {key: memory.find("note", key) for key in "ade"}
    assert loaded.checkpoint == at[3]


async def test_checkpoints_that_move_at_the_same_time_move_each_for_itself(pool: asyncpg.Pool) -> None:
    moves = Moves(pool)
    names = ("first", "elsewhere", "second")
    rows = {name: Rows(pool, name, moves) for name in names}
    for one in rows.values():
        await one.begin()
    start = await rows["first"].checkpoint()
    at, other = (Checkpoint(position, bytes([position]) * 32, position) for position in (1, 2))
    before = {"first": start, "elsewhere": other, "second": start}
    moved = await asyncio.gather(*(rows[name].move(before[name], at, Bundle()) for name in names))
    assert moved == [True, False, True]
    assert [await one.checkpoint() for one in rows.values()] == [at, start, at]
    moved = await asyncio.gather(*(rows["first"].move(at, later, Bundle()) for later in (other, at, other)))
    assert moved == [False, False, True]
    assert await rows["first"].checkpoint() == other


async def test_a_checkpoint_that_is_held_elsewhere_keeps_no_other_from_moving(pool: asyncpg.Pool) -> None:
    moves = Moves(pool)
    held, free = (Rows(pool, name, moves) for name in ("held", "free"))
    for one in (held, free):
        await one.begin()
    start, at = await free.checkpoint(), Checkpoint(1, b"1" * 32)
    async with pool.acquire() as connection, connection.transaction():
        await held.locked(connection)  # as a retry does, or a process that was stopped
        async with asyncio.timeout(2):
            moved = await asyncio.gather(*(one.move(start, at, Bundle()) for one in (held, free)))
    assert moved == [False, True]
    assert [await one.checkpoint() for one in (held, free)] == [start, at]


async def test_it_goes_on_where_it_stopped(pool: asyncpg.Pool) -> None:
    store = await written("a:1", "b:1")
    async with reached(table(pool, store), 2):
        pass
    await write(store, Erased(note="a"), Written(note="c", text="1"))
    again = table(pool, store)
    async with reached(again, 4):
        assert await texts(again.rows) == {"b": "1", "c": "1"}


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


async def test_a_gap_or_a_broken_chain_is_never_folded(pool: asyncpg.Pool) -> None:
    store = await written("a:1", "b:1", "c:1")
    source = Script([Batch([store.rows[0], store.rows[2]], None)], store)
    one = TableProjection(NOTES, Rows(pool, "notes"), source, "t")
    async with reached(one, 3):
        assert await texts(one.rows) == {"a": "1", "b": "1", "c": "1"}


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


class Doing:
    """What a reaction does, and whether it can."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.refusal: Refusal | None = None

    async def react(self, event: Event, row: Recorded) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.done.append(row.position)


def reaction(pool: asyncpg.Pool, store: MemoryStore, doing: Doing, reader: str = "a") -> Reaction:
    rows = Rows(pool, "reaction")
    return Reaction("reaction", rows, at_home(store), reader, foreign(notes), doing.react)


async def test_a_reaction_is_done_once_however_often_the_process_starts(pool: asyncpg.Pool) -> None:
    store, doing = await written("a:1", "b:1"), Doing()
    async with reached(reaction(pool, store, doing), 2):
        pass
    await write(store, Written(note="c", text="1"))
    async with reached(reaction(pool, store, doing), 3):
        pass
    assert doing.done == [1, 2, 3]


async def test_what_is_unavailable_now_is_done_later_and_in_order(pool: asyncpg.Pool) -> None:
    store, doing = await written("a:1", "b:1"), Doing()
    doing.refusal = unavailable("peer_unavailable", "not now")
    one = reaction(pool, store, doing)
    async with running(one.run):
        async with asyncio.timeout(10):
            while await pool.fetchval("SELECT count(*) FROM projection_checkpoints WHERE projection = 'reaction'") == 0:
                await asyncio.sleep(0.01)
        assert doing.done == []
        doing.refusal = None
        await stands_at(one.rows, 2)
    assert doing.done == [1, 2]
    assert not await one.rows.parked()


async def test_what_cannot_be_done_is_parked_and_done_by_a_retry(pool: asyncpg.Pool) -> None:
    store, doing = await written("a:1", "a:2", "b:1"), Doing()
    doing.refusal = Refusal(Kind.CONFLICT, "no", "it cannot be done")
    one = reaction(pool, store, doing)
    async with reached(one, 3):
        assert await one.rows.parked() == {"note/a", "note/b"}
        doing.refusal = None
        assert await one.retry() == (3, 0)
        assert doing.done == [1, 2, 3]
        await write(store, Written(note="a", text="4"))
        await stands_at(one.rows, 4)
    assert doing.done == [1, 2, 3, 4]
    assert not await one.rows.parked()


async def test_after_a_retry_in_one_process_another_goes_on_with_the_stream(pool: asyncpg.Pool) -> None:
    store, doing = await written("a:1"), Doing()
    doing.refusal = Refusal(Kind.CONFLICT, "no", "it cannot be done")
    acting, asked = reaction(pool, store, doing, "acting"), reaction(pool, store, doing, "asked")
    async with reached(acting, 1):
        doing.refusal = None
        assert await asked.retry() == (1, 0)
        await write(store, Written(note="a", text="2"))
        await stands_at(acting.rows, 2)
        assert doing.done == [1, 2]
        assert not await acting.rows.parked()


def test_the_command_of_a_reaction_has_the_same_id_each_time() -> None:
    assert reaction_id("identity", 7) == reaction_id("identity", 7)
    assert len({reaction_id("identity", 7), reaction_id("identity", 8), reaction_id("token", 7)}) == 3


async def test_any_process_answers_for_the_readers_of_all(pool: asyncpg.Pool) -> None:
    one, two = PostgresReaders(pool), PostgresReaders(pool)
    await one.report(Reader("policy/1", 7, 5_000_000, 1_000_000, ("note/a",)))
    await two.report(Reader("identity/1", 9, 5_000_000, 1_000_000))
    await two.report(Reader("policy/1", 6, 5_000_000, 2_000_000))
    live = {reader.name: (reader.applied, reader.parked) for reader in await one.live(2_000_000)}
    assert live == {"policy/1": (7, ()), "identity/1": (9, ())}
    assert [reader.name for reader in await two.live(6_500_000)] == ["policy/1"]


async def test_a_reader_whose_report_went_with_one_that_failed_is_not_taken_for_known(pool: asyncpg.Pool) -> None:
    readers = PostgresReaders(pool)
    too_far, good = (Reader(name, applied, 5_000_000, 1_000_000) for name, applied in (("a", 2**63), ("b", 7)))
    failed, reported = await asyncio.gather(readers.report(too_far), readers.report(good), return_exceptions=True)
    assert isinstance(failed, asyncpg.DataError)
    assert reported is None
    assert await readers.live(1_000_000) == [good]


class Anybody:
    """Lets in everybody."""

    async def __call__(self, context: object) -> None:
        return None


async def test_an_operator_sees_rebuilds_and_retries_by_name(pool: asyncpg.Pool) -> None:
    store, doing = await written("b:poison", "b:2"), Doing()
    one, other = table(pool, store), reaction(pool, store, doing)
    memory = MemoryProjection(NOTES, one.rows, at_home(store), MemoryRows(), "m")
    projections = Projections([memory], [one, other])
    service = ProjectionFeed(projections, Anybody())
    async with running(projections.run):
        assert await projections.wait("notes", 2, 10)
        await stands_at(other.rows, 2)
        await until(lambda: memory.ready)
        listed = (await service.ListProjections(None, None)).projections
        shown = {one.name: (one.applied, one.head, list(one.parked_streams)) for one in listed}
        assert shown == {
            "notes@memory": (2, 2, ["note/b"]),
            "notes": (2, 2, ["note/b"]),
            "reaction": (2, 2, []),
        }
        assert {one.name: one.parked_events for one in listed} == {"notes@memory": 1, "notes": 2, "reaction": 0}
        rebuilt = await service.RebuildProjection(log_pb2.RebuildProjectionRequest(name="notes"), None)
        assert rebuilt.applied == 2
        retried = await service.RetryParked(log_pb2.RetryParkedRequest(name="notes"), None)
        assert (retried.applied_events, retried.parked_events) == (0, 2)
        for name, code in (("nothing", "projection_unknown"), ("reaction", "not_rebuildable")):
            with pytest.raises(Refusal) as refusal:
                await service.RebuildProjection(log_pb2.RebuildProjectionRequest(name=name), None)
            assert refusal.value.code == code
    assert doing.done == [1, 2]


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
