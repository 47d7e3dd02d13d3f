"""Rows and their checkpoint change together, or neither does, whoever else moves (RULES 6)."""

import asyncio

import asyncpg

from eventlog.projection import Change, Drop, DropGroup, MemoryRows, Patch, Put, Rows
from eventlog.projection.bundle import Bundle, bundles
from eventlog.projection.checkpoint import Checkpoint, Moves
from tests.integration.projecting import reached, stands_at, table, texts
from tests.unit.projection.notes import Written, running, write, written


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


async def test_a_checkpoint_of_another_log_at_the_same_position_does_not_move(pool: asyncpg.Pool) -> None:
    rows = Rows(pool, "notes", Moves(pool))
    await rows.begin()
    one, another, next_ = (Checkpoint(position, bytes([n]) * 32) for n, position in ((1, 1), (2, 1), (3, 2)))
    assert await rows.move(await rows.checkpoint(), one, Bundle())
    assert not await rows.move(another, next_, Bundle())
    assert await rows.checkpoint() == one


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
