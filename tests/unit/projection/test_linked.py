"""A chain is hashed once for all who follow it, and a row that breaks it is seen by each of them."""

import msgspec

from eventlog.events import Recorded
from eventlog.projection.linked import KEPT, linked
from eventlog.store import MemoryStore
from tests.harness.log import command
from watchword.chain import GENESIS


async def rows(count: int) -> list[Recorded]:
    store = MemoryStore()
    for number in range(count):
        await store.append(command(f"c{number}", {f"s/{number}": 0}))
    return store.rows


async def test_a_row_that_was_found_whole_stays_so_behind_the_same_hash_alone() -> None:
    first, second = await rows(2)
    for _ in range(2):
        assert linked(GENESIS, first)
        assert linked(first.chain_hash, second)
        assert not linked(GENESIS, second)


async def test_a_changed_copy_is_not_taken_for_the_row_that_was_seen() -> None:
    (row,) = await rows(1)
    assert linked(GENESIS, row)
    for changed in (msgspec.structs.replace(row, body=b'{"x":1}'), msgspec.structs.replace(row, position=2)):
        assert not linked(GENESIS, changed)


async def test_more_rows_than_are_remembered_are_judged_all_the_same() -> None:
    made = await rows(KEPT + 5)
    previous = GENESIS
    for row in made:
        assert linked(previous, row)
        previous = row.chain_hash
    assert linked(GENESIS, made[0])
    assert not linked(GENESIS, made[-1])
