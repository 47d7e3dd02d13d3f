"""Facts in memory by their streams: in order, by name, and one more costs the same however many there are."""

import asyncio
import sys
from collections.abc import Callable
from types import FrameType

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from eventlog.projection import Drop, Put
from services.policy.commands.desk import PENDING
from services.policy.domain.facts import Assignment, Owner, Share, key_of, stream_of
from services.policy.domain.history import Stated, evolve, saying
from services.policy.model import Model, row_key
from services.policy.streams import FEW, Streams
from tests.unit.policy.world import OPERATOR, World

RESOURCE = "document/9"


def share(number: int, to: str = "account/acc_1") -> Share:
    return Share(RESOURCE, f"s{number}", "account/acc_0", to, ("document.read",))


def row(fact: Share) -> Put:
    return Put("fact", row_key(fact), msgspec.to_builtins(fact))


def holding(count: int) -> Streams:
    found = Streams()
    for number in range(count):
        found.put(share(number))
    return found


def calls(act: Callable[[], object]) -> int:
    """How many functions are called."""
    made = 0

    def counted(frame: FrameType, event: str, argument: object) -> None:
        nonlocal made
        made += event in ("call", "c_call")

    sys.setprofile(counted)
    act()
    sys.setprofile(None)
    return made


def test_one_more_of_many_costs_no_more_than_of_a_few() -> None:
    def one_more(count: int) -> int:
        found, new = holding(count), share(count)
        return calls(lambda: found.put(new)) + calls(lambda: found.take(stream_of(new), key_of(new)))

    assert one_more(50 * FEW) == one_more(2 * FEW)


def test_nor_does_deciding_on_one_more() -> None:
    def one_more(count: int) -> int:
        said = Stated()
        for number in range(count):
            said = evolve(said, saying(share(number)), PENDING)
        new = share(count)
        return calls(lambda: said.like(new)) + calls(lambda: evolve(said, saying(new), PENDING))

    assert one_more(50 * FEW) == one_more(2 * FEW)


def test_nor_do_all_of_them() -> None:
    def all_of(count: int) -> int:
        model = Model()
        model.reset([row(share(number)) for number in range(count)])
        return calls(model.every)

    assert all_of(50 * FEW) < 25 * 1.1 * all_of(2 * FEW)


async def test_others_go_on_while_many_facts_are_decided_on() -> None:
    world = World()
    await world.say({"kind": "owner", "resource": RESOURCE, "owner": "client/c"})
    shares = [
        Share(RESOURCE, f"s{number}", "client/c", f"client/{number}", ("document.read",)) for number in range(500)
    ]
    writing = asyncio.create_task(world.commands.write(OPERATOR, shares))
    turns = 0
    while not writing.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > len(shares) / 20


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2 * FEW)), max_size=6 * FEW))
def test_a_stream_holds_what_was_put_and_not_taken_in_that_order(steps: list[tuple[bool, int]]) -> None:
    found, expected = Streams(), dict[str, Share]()
    for put, number in steps:
        key = key_of(share(number))
        assert found.take(f"resource/{RESOURCE}", key) == expected.pop(key, None)
        if put:
            found.put(share(number))
            expected[key] = share(number)
        assert tuple(found.of(f"resource/{RESOURCE}")) == tuple(expected.values())


def test_facts_of_a_kind_come_by_the_order_of_their_streams_and_others_are_not_looked_at() -> None:
    found = holding(3 * FEW)
    owner = Owner("document/1", "account/acc_0")
    found.put(owner)
    found.put(Assignment("account/acc_1", "editor"))
    assert list(found.all("resource")) == [owner, *map(share, range(3 * FEW))]
    assert list(found.all("role")) == []
    assert list(found.of("document/9")) == []


def test_what_was_loaded_at_once_is_added_to_replaced_and_dropped() -> None:
    model = Model()
    model.reset([row(share(number)) for number in range(2 * FEW)])
    model.apply(row(share(0, "account/acc_2")))
    model.apply(row(share(2 * FEW)))
    model.apply(Drop("fact", row_key(share(1))))
    expected = [*map(share, range(2, 2 * FEW)), share(0, "account/acc_2"), share(2 * FEW)]
    assert list(model.of(f"resource/{RESOURCE}")) == expected
    assert set(model.pointing("to account/acc_2")) == {RESOURCE}
