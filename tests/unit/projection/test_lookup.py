"""What is looked up in a table that lags is as current as memory would be, and what cannot be looked up is unknown."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.errors import Refusal
from eventlog.projection import Change, Drop, DropGroup, Lookup, MemoryRows, Patch, Put, Unlearnt
from eventlog.projection import lookup as room
from eventlog.projection.rows import Found

KEYS = [("a", "1"), ("a", "2"), ("a", "3")]
CHANGES = st.one_of(
    st.builds(
        Put, st.just("a"), st.sampled_from("123"), st.fixed_dictionaries({"n": st.integers(0, 99)}), st.just("x")
    ),
    st.builds(Patch, st.just("a"), st.sampled_from("123"), st.fixed_dictionaries({"m": st.integers(0, 99)})),
    st.builds(Drop, st.just("a"), st.sampled_from("123")),
    st.builds(DropGroup, st.just("a"), st.just("x"), st.sampled_from(["", "1"])),
)


@dataclass
class World:
    """A log of changes, a table that has applied some of it, and a process that has applied more."""

    held: int = 100
    log: list[Change] = field(default_factory=list)
    rows: MemoryRows = field(default_factory=MemoryRows)
    believed: MemoryRows = field(default_factory=MemoryRows)
    at: int = 0
    applied: int = 0
    stuck: frozenset[str] = frozenset()
    parked: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lookup = Lookup(self, self.held)
        self.lookup.follows = self
        self.lookup.reset([])

    async def find(self, wanted: Sequence[tuple[str, str]]) -> Found:
        self.asked += wanted
        found = [self.rows.find(*key) for key in wanted]
        return Found([row for row in found if row is not None], self.at, self.stuck)

    def park(self, streams: Collection[str]) -> None:
        self.parked |= set(streams)

    def happens(self, change: Change) -> None:
        """This process applies it; the table has not yet."""
        self.log.append(change)
        self.lookup.apply(change)
        self.believed.apply(change)
        self.applied += 1

    def table_follows(self, events: int = 1) -> None:
        for change in self.log[self.at : self.at + events]:
            self.rows.apply(change)
            self.at += 1

    async def known(self, *keys: tuple[str, str]) -> list[object]:
        await self.lookup.learn(keys)
        return [self.lookup.get(*key) for key in keys]


@given(st.lists(st.one_of(CHANGES, st.sampled_from(["table", *KEYS])), max_size=60))
async def test_a_row_that_is_looked_up_is_what_memory_would_hold(steps: list[Change | str | tuple[str, str]]) -> None:
    world = World(held=2)
    for step in steps:
        if step == "table":
            world.table_follows()
        elif isinstance(step, tuple):
            assert await world.known(step) == [world.believed.get(*step)]
        else:
            assert not isinstance(step, str)
            world.happens(step)
    for key in KEYS:
        assert await world.known(key) == [world.believed.get(*key)]


async def test_an_answer_of_the_table_from_before_another_is_asked_for_again() -> None:
    """Between the table's answer and its use, what it lacked may have been forgotten, since a later answer had it."""
    world = World()
    world.happens(Put("a", "1", {"disabled": True}))
    old = await world.find([("a", "1")])
    world.table_follows()
    await world.known(("a", "2"))
    answers = [old, await world.find([("a", "1")])]

    async def find(wanted: Sequence[tuple[str, str]]) -> Found:
        return answers.pop(0)

    world.find = find  # type: ignore[method-assign]
    assert await world.known(("a", "1")) == [{"disabled": True}]


async def test_only_so_many_rows_are_held() -> None:
    world = World(held=2)
    for _, key in KEYS:
        world.happens(Put("a", key, {}))
    world.table_follows(3)
    for one in KEYS:
        await world.known(one)
    await world.known(KEYS[2], KEYS[1])
    assert world.asked == KEYS
    await world.known(KEYS[0])
    assert world.asked == [*KEYS, KEYS[0]]


async def test_what_was_not_learnt_is_not_taken_for_absent() -> None:
    with pytest.raises(Unlearnt):
        World().lookup.get("a", "1")


async def test_nothing_is_looked_up_in_a_table_that_lags_too_far_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LAG", 3)
    world = World()
    for number in range(4):
        world.happens(Put("a", "1", {"n": number}))
    with pytest.raises(Refusal) as refusal:
        await world.lookup.learn([("a", "1")])
    assert refusal.value.code == "not_yet_applied"
    with pytest.raises(Unlearnt):
        world.lookup.get("a", "1")
    world.table_follows(1)
    assert await world.known(("a", "1")) == [{"n": 3}]


async def test_a_stream_that_the_table_parked_is_parked_here() -> None:
    world = World(stuck=frozenset({"account/1"}))
    await world.known(("a", "1"))
    assert world.parked == {"account/1"}
