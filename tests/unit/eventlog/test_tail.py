"""The end of a log is read once for all who follow it, and is what the database holds."""

import asyncio
from dataclasses import replace

import pytest

from eventlog.events import Recorded
from eventlog.newest import KEPT_ROWS
from eventlog.postgres.heads import Heads
from eventlog.postgres.tail import Tail
from eventlog.store import Appended, Command, Head, MemoryStore
from tests.harness.log import command, event

MUCH = 1 << 30


class Database:
    """A log in memory behind a tail, which counts what is read of it."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.reads = 0
        self.tail = Tail(self.load)
        self.answers = asyncio.Event()
        self.answers.set()
        self.asked = asyncio.Event()

    async def load(self, after: int, limit: int, max_bytes: int) -> list[Recorded]:
        self.reads += 1
        await asyncio.sleep(0)
        page = await self.store.read(after, limit, max_bytes)
        self.asked.set()
        await self.answers.wait()
        return page

    async def append(self, count: int) -> list[tuple[Command, Appended]]:
        made = [command(f"c{len(self.store.rows) + n}", {f"s/{len(self.store.rows) + n}": 0}) for n in range(count)]
        return [(replace(one, own_id=True), await self.store.append(one)) for one in made]

    async def read(self, after: int, limit: int = 500) -> list[Recorded]:
        return await self.tail.read(after, limit, MUCH)

    async def head(self) -> Head:
        return await self.store.head()


async def test_many_followers_cost_one_read() -> None:
    database = Database()
    await database.append(1)
    await database.read(0)
    await database.append(3)
    before = database.reads
    pages = await asyncio.gather(*(database.read(1) for _ in range(20)))
    assert pages == [database.store.rows[1:]] * 20
    assert database.reads == before + 1


async def test_what_was_stored_before_it_was_asked_for_is_given_though_another_was_asking_already() -> None:
    database = Database()
    await database.append(1)
    await database.read(0)
    database.asked.clear()
    database.answers.clear()
    early = asyncio.ensure_future(database.read(1))
    await database.asked.wait()
    await database.append(1)
    late = asyncio.ensure_future(database.read(1))
    await asyncio.sleep(0)
    database.answers.set()
    assert await late == database.store.rows[1:]
    assert await early in ([], database.store.rows[1:])


async def test_what_this_process_appended_is_not_read_again_and_is_the_same() -> None:
    database = Database()
    await database.append(1)
    await database.read(0)
    before = database.reads
    stored = await database.append(3)
    database.tail.stored(list(reversed(stored)))
    assert await database.read(1) == database.store.rows[1:]
    assert database.reads == before


async def test_what_another_command_stored_under_the_same_id_is_read() -> None:
    database = Database()
    await database.append(1)
    await database.read(0)
    (stored,) = await database.append(1)
    decided_otherwise = command(stored[0].id, {stored[0].writes[0].stream: 0}, events=[event(b'{"x":1}')])
    database.tail.stored([(decided_otherwise, stored[1])])
    assert await database.read(1) == database.store.rows[1:]


async def test_what_another_process_appended_between_is_read() -> None:
    database = Database()
    await database.append(1)
    await database.read(0)
    await database.append(1)
    database.tail.stored(await database.append(1))
    assert await database.read(1) == database.store.rows[1:]


async def test_history_is_read_from_the_database_and_leaves_the_end_as_it_is() -> None:
    database = Database()
    await database.append(10)
    await database.read(8)
    assert await database.read(2, limit=3) == database.store.rows[2:5]
    before = database.reads
    assert await database.read(8) == database.store.rows[8:]
    assert database.reads == before


async def test_no_more_than_what_is_kept_stays_in_memory() -> None:
    database = Database()
    await database.append(1)
    await database.read(0)
    for _ in range(5):
        database.tail.stored(await database.append(KEPT_ROWS))
    last = database.tail.last
    before = database.reads
    await database.read(last - 2 * KEPT_ROWS - 1, limit=1)
    assert database.reads == before + 1
    assert await database.read(last - 10) == database.store.rows[-10:]
    assert database.reads == before + 1


@pytest.mark.parametrize("events", [4, 5], ids=["shorter", "as long, told by its hash"])
async def test_a_restored_log_is_not_given_what_it_forgot(events: int) -> None:
    database, restored = Database(), Database()
    await database.append(5)
    await database.read(3)
    restored.store.clock = lambda: 1
    await restored.append(events)
    database.store = restored.store
    database.tail.confirm(await database.head(), database.tail.last)
    assert await database.read(3) == restored.store.rows[3:]


async def test_a_head_that_was_read_before_the_log_grew_is_no_restore() -> None:
    database = Database()
    await database.append(2)
    await database.read(1)
    before, head = database.tail.last, await database.head()
    database.tail.stored(await database.append(2))
    database.tail.confirm(head, before)
    reads = database.reads
    assert await database.read(2) == database.store.rows[2:]
    assert database.reads == reads


async def test_a_head_is_never_older_than_the_question() -> None:
    store, begun = MemoryStore(), asyncio.Event()

    async def fetch() -> Head:
        found = await store.head()
        begun.set()
        await asyncio.sleep(0.01)
        return found

    heads = Heads(fetch)
    early = asyncio.ensure_future(heads.read())
    await begun.wait()
    await store.append(command("c", {"s/1": 0}))
    late = [asyncio.ensure_future(heads.read()) for _ in range(10)]
    assert (await early).position == 0
    assert {(await one).position for one in late} == {1}


async def test_heads_that_are_asked_for_at_once_cost_one_query() -> None:
    store, fetched = MemoryStore(), 0

    async def fetch() -> Head:
        nonlocal fetched
        fetched += 1
        await asyncio.sleep(0)
        return await store.head()

    heads = Heads(fetch)
    await asyncio.gather(*(heads.read() for _ in range(50)))
    assert fetched == 1
