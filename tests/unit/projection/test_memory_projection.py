"""What a process believes of a log: complete, in order, unbroken, and of a known age (RULES 4 and 6)."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

import msgspec
import pytest

from eventlog.errors import LogUnavailable
from eventlog.events import Event, Recorded
from eventlog.feed import Batch, LocalFeed, Progress, Source
from eventlog.projection import MemoryProjection, MemoryRows, Projections, Put, TableProjection
from eventlog.projection.rows import Checkpoint, Loaded
from eventlog.readers import MemoryReaders
from eventlog.store import MemoryStore
from tests.unit.projection.notes import NOTES, Erased, Script, Table, Written, echo, running, until, write, write_raw
from tests.unit.projection.notes import written as notes_written
from watchword.clock import boot_ns


@dataclass
class Believer:
    """A projection in memory and what it has."""

    projection: MemoryProjection
    rows: MemoryRows

    @property
    def texts(self) -> dict[str, str]:
        return {note: value["text"] for note, value in self.rows.all("note").items()}

    @property
    def fresh(self) -> bool:
        return not self.projection.stale()


@asynccontextmanager
async def believing(source: Source, table: Table | None = None) -> AsyncIterator[Believer]:
    rows = MemoryRows()
    projection = MemoryProjection(NOTES, table or Table(), source, rows, "test/1")
    async with running(projection.run):
        yield Believer(projection, rows)


def at_home(store: MemoryStore) -> LocalFeed:
    return LocalFeed("notes", store, MemoryReaders(), lambda: boot_ns() // 1000)


async def test_it_holds_what_the_log_says_and_follows_what_comes() -> None:
    store = await notes_written("a:1", "b:1", "a:2")
    async with believing(at_home(store)) as one:
        await until(lambda: one.texts == {"a": "2", "b": "1"})
        await write(store, Erased(note="b"), Written(note="c", text="1"))
        await until(lambda: one.texts == {"a": "2", "c": "1"} and one.fresh)
    assert one.projection.applied == 5


async def test_it_starts_from_the_tables_rows_and_goes_on_from_there() -> None:
    store = await notes_written("a:1", "b:1")
    table = Table(rows=[Put("note", "a", {"text": "of the table"})], at=store.rows[0])
    async with believing(at_home(store), table) as one:
        await until(lambda: one.texts == {"a": "of the table", "b": "1"})


async def test_positions_that_it_has_are_dropped() -> None:
    store = await notes_written("a:1", "a:2", "a:3")
    source = Script([Batch(store.rows[:2], None), Batch(store.rows[:1], None), Batch(store.rows, None), echo(3)], store)
    table = Table()
    async with believing(source, table) as one:
        await until(lambda: one.fresh)
    assert one.texts == {"a": "3"}
    assert table.loads == 1


async def test_a_gap_is_filled_from_the_owner() -> None:
    store = await notes_written("a:1", "b:1", "c:1")
    source = Script([Batch([store.rows[0], store.rows[2]], None), echo(3)], store)
    async with believing(source) as one:
        await until(lambda: one.fresh)
    assert one.texts == {"a": "1", "b": "1", "c": "1"}


class GivesUp(Script):
    """A source whose client cancels its own call, the first time."""

    async def follow(
        self, reader: str, max_staleness: float, progress: Callable[[], Progress], pace: float = 0.0
    ) -> AsyncGenerator[Batch, None]:
        """See eventlog.feed.Source."""
        if self._first is not None:
            self._first = None
            raise asyncio.CancelledError
        async for batch in super().follow(reader, max_staleness, progress, pace):
            yield batch


async def test_a_call_that_its_client_cancelled_is_not_the_end_of_following() -> None:
    store = await notes_written("a:1")
    async with believing(GivesUp([], store)) as one:
        await until(lambda: one.fresh)
    assert one.texts == {"a": "1"}


class Cancelling(Table):
    """A table whose client gives up by itself."""

    async def load(self, kinds: Sequence[str] | None = None) -> Loaded:
        raise asyncio.CancelledError


async def test_a_process_does_not_go_on_without_one_of_its_projections() -> None:
    one, other = (
        MemoryProjection(NOTES, table, at_home(MemoryStore()), MemoryRows(), "test/1")
        for table in (Table(), Cancelling())
    )
    with pytest.raises(ExceptionGroup):
        async with asyncio.timeout(10):
            await Projections([one, other], []).run()


async def test_a_row_that_does_not_continue_the_chain_is_not_believed() -> None:
    store = await notes_written("a:1", "b:1")
    forged = msgspec.structs.replace(store.rows[1], body=b'{"note":"b","text":"forged"}')
    source = Script([Batch([store.rows[0], forged], None), echo(2)], store)
    async with believing(source) as one:
        await until(lambda: one.fresh)
    assert one.texts == {"a": "1", "b": "1"}


async def test_a_parked_event_parks_what_follows_in_its_stream_and_nothing_else() -> None:
    store = await notes_written("a:1", "a:poison", "b:1", "a:3", "b:2")
    async with believing(at_home(store)) as one:
        await until(lambda: one.projection.applied == 5)
        assert one.texts == {"a": "1", "b": "2"}
        assert one.projection.parked == {"note/a"}


async def test_knowledge_with_something_parked_counts_as_stale() -> None:
    store = await notes_written("a:1")
    async with believing(at_home(store)) as one:
        await until(lambda: one.fresh)
        await write(store, Written(note="b", text="poison"))
        await until(lambda: one.projection.applied == 2)
        assert not one.fresh
        assert one.projection.age_ns() is None, "of which a verifier is told"


async def test_a_newer_version_of_what_it_folds_is_parked_and_an_unknown_type_is_ignored() -> None:
    store = MemoryStore()
    await write_raw(store, "a", "watchword.notes.note.written.v2", b'{"note":"a","prose":"1"}')
    await write_raw(store, "b", "watchword.notes.note.praised.v7", b"{}")
    async with believing(at_home(store)) as one:
        await until(lambda: one.projection.applied == 2)
        assert one.projection.parked == {"note/a"}


async def test_what_the_table_has_parked_is_parked_here_until_it_has_been_retried_there() -> None:
    store = await notes_written("a:1", "b:1")
    table = Table(parked=["note/a"])
    async with believing(at_home(store), table) as one:
        await until(lambda: one.texts == {"b": "1"})
        assert not one.fresh
        table.stuck = frozenset()
        await until(lambda: one.fresh)
    assert one.texts == {"a": "1", "b": "1"}
    assert table.loads == 2


async def test_it_is_not_ready_before_it_was_level_with_its_owner_once() -> None:
    store = await notes_written("a:1", "b:1")
    source = Script([Batch(store.rows[:1], None), echo(2)], store)
    async with believing(source) as one:
        await until(lambda: one.projection.head == 2)
        assert one.texts == {"a": "1"}
        assert not one.projection.ready
        assert not one.fresh


async def test_proofs_that_waited_in_a_buffer_do_not_make_knowledge_look_younger() -> None:
    store = await notes_written("a:1")
    source = Script([Batch(store.rows, None), echo(1, seconds_ago=60), echo(1, seconds_ago=59)], store)
    async with believing(source) as one:
        await until(lambda: one.projection.ready)
        assert not one.fresh
        age = one.projection.age()
        assert age is not None
        assert age >= 58


async def test_waiting_for_a_position_ends_when_it_is_applied_or_after_its_time() -> None:
    store = await notes_written("a:1")
    async with believing(at_home(store)) as one:
        assert await one.projection.wait(1, 10)
        assert not await one.projection.wait(2, 0.01)
        await write(store, Written(note="b", text="1"))
        assert await one.projection.wait(2, 10)
        assert one.texts == {"a": "1", "b": "1"}


async def test_what_is_parked_here_stays_so_while_the_table_has_not_come_so_far() -> None:
    store = await notes_written("a:poison")
    table = Table()
    async with believing(at_home(store), table) as one:
        await until(lambda: one.projection.applied == 1)
        assert await one.projection.wait(1, 10)
        await write(store, *[Written(note="b", text=str(number)) for number in range(50)])
        await until(lambda: one.projection.applied == 51)
        assert one.projection.parked == {"note/a"}
    assert table.loads == 1


async def test_it_starts_anew_from_a_table_that_could_apply_what_is_parked_here() -> None:
    store = await notes_written("a:poison")
    table = Table()
    async with believing(at_home(store), table) as one:
        await until(lambda: one.projection.parked == {"note/a"})
        table.rows, table.at = [Put("note", "a", {"text": "of the table"})], Checkpoint(1, store.rows[0].chain_hash)
        await until(lambda: one.fresh)
    assert one.texts == {"a": "of the table"}


async def test_a_log_that_was_restored_proves_no_freshness() -> None:
    store, restored = await notes_written("a:1", "a:2", "a:3"), await notes_written("a:1", "a:2")
    table = Table(at=store.rows[2])
    async with believing(Script([echo(2)], restored), table) as one:
        await until(lambda: table.loads > 1)
        assert not one.fresh


class Counted(Table):
    """A table that counts how often it is asked how far it is."""

    asked = 0

    async def checkpoint(self) -> Checkpoint:
        self.asked += 1
        return await super().checkpoint()


async def test_a_position_that_memory_has_not_reached_costs_no_query() -> None:
    store, asked = await notes_written("a:1"), Counted()
    async with believing(at_home(store)) as one:
        await until(lambda: one.fresh)
        table = TableProjection(NOTES, cast(Any, asked), at_home(store), "test/table")
        assert not await Projections([one.projection], [table]).wait("notes", 99, 0.05)
    assert asked.asked == 0


async def test_a_lost_database_parks_nothing() -> None:
    store, lost = await notes_written("a:1"), iter([True])

    async def decode(row: Recorded) -> Event | None:
        if next(lost, False):
            raise LogUnavailable
        return await NOTES.decode(row)

    unlucky = replace(NOTES, decode=decode)
    rows = MemoryRows()
    one = MemoryProjection(unlucky, cast(Any, Table()), at_home(store), rows, "test/1")
    async with running(one.run):
        await until(lambda: one.applied == 1)
    assert one.parked == frozenset()
    assert rows.get("note", "a") is not None
