"""What two processes of policy are told at once is never so where one process alone would have refused it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from eventlog.store import Store
from services.policy.migrate import SCHEMA
from services.policy.queries import Moment
from tests.harness.database import Database
from tests.harness.gated import GatedStore, nearly, overtaken
from tests.harness.policy_histories import BEGINNING, CLASHING, Told, own, told
from tests.harness.policy_models import EVERY_QUESTION
from tests.harness.policy_process import Neighbours, policy_process
from tests.harness.policy_reference import Asked, Fact
from tests.harness.policy_story import Alone, Story
from tests.races.at_random import Delays
from tests.unit.policy.world import SetClock

ROUNDS = 6
MISSED = ("roles_exclude_each_other", "role_in_use", "group_in_use")
"""What is refused by what others say, who may be told otherwise at that moment; it opens nothing (docs/policy.md)."""


@asynccontextmanager
async def two_writers(database: Database, delays: Delays) -> AsyncIterator[tuple[Story, Sequence[GatedStore]]]:
    """A story that has not begun, of two processes that take their time, and the gate of each."""
    await database.migrate(SCHEMA)
    neighbours, clock, gates = Neighbours(), SetClock(), list[GatedStore]()

    def gated(store: Store) -> Store:
        gates.append(GatedStore(store, delays))
        return gates[-1]

    async with (
        policy_process(database, neighbours, clock, gated) as one,
        policy_process(database, neighbours, clock, gated) as two,
    ):
        yield Story(0, (one, two), neighbours, clock), gates


async def test_what_is_told_at_once_is_so_as_one_process_would_have_it_that_is_told_it_in_the_order_of_the_log(
    database: Database,
) -> None:
    loop, delays, numbers = asyncio.get_running_loop(), Delays(), iter(range(10_000))
    async with two_writers(database, delays) as (first, _):

        @settings(max_examples=15, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        @given(st.lists(st.lists(told(CLASHING), min_size=2, max_size=5), min_size=2, max_size=5))
        def agree(rounds: list[list[Told]]) -> None:
            number = next(numbers)
            story, delays.chance = Story(number, first.processes, first.neighbours, first.clock), Random(number)
            told = _as_if_by_one(story, rounds, delays.chance)
            asyncio.run_coroutine_threadsafe(told, loop).result(60)

        await asyncio.to_thread(agree)


async def _as_if_by_one(story: Story, rounds: Sequence[Sequence[Told]], chance: Random) -> None:
    """Once two have missed what one refuses, that goes another way."""
    await story.begin()
    alone, refused = Alone(story), ""
    for commands in ([BEGINNING], *rounds):
        held, _ = await story.tell_at_once(commands, nearly(chance))
        for process in story.processes:
            assert await story.answers(process, EVERY_QUESTION) == story.expected(EVERY_QUESTION)
        for one in held:
            refused = refused or await alone.step(one)
            assert refused in ("", *MISSED), one


def role(name: str, *inherits: str) -> Fact:
    return {"kind": "role", "name": name, "actions": [f"{name}.do"], "inherits": list(inherits)}


def group(name: str) -> Fact:
    return {"kind": "group", "id": name}


def member(who: str, of: str) -> Fact:
    return {"kind": "membership", "member": who, "group": of}


def held(name: str, holder: str = "client/x") -> Fact:
    return {"kind": "assignment", "holder": holder, "role": name}


def inside(resource: str, parent: str) -> Fact:
    return {"kind": "parent", "resource": resource, "parent": parent}


EXCLUDED: Fact = {"kind": "exclusion", "name": "e", "roles": ["a", "b"]}
BOTH = [role("a"), role("b")]
WHAT_X_DOES = [Asked("client/x", "a.do"), Asked("client/x", "b.do")]


@pytest.mark.parametrize(
    ("before", "one", "other", "code"),
    [
        (BOTH, role("a", "b"), role("b", "a"), "role_cycle"),
        ([*BOTH, role("c", "a")], role("a", "b"), role("b", "c"), "role_cycle"),
        ([group("a"), group("b")], member("group/a", "b"), member("group/b", "a"), "group_cycle"),
        ([inside("box/c", "box/a")], inside("box/a", "box/b"), inside("box/b", "box/c"), "resource_cycle"),
        ([*BOTH, EXCLUDED], held("a"), held("b"), "roles_exclude_each_other"),
    ],
    ids=["roles", "roles through a third", "groups", "resources", "excluded roles"],
)
async def test_of_two_halves_that_are_told_at_once_to_two_processes_one_is_refused(
    database: Database, before: Sequence[Fact], one: Fact, other: Fact, code: str
) -> None:
    async for story, codes in at_once(database, before, Told(0, [one]), Told(1, [other])):
        assert sorted(codes) == ["", code]
        for process in story.processes:
            assert await story.answers(process, WHAT_X_DOES) == story.expected(WHAT_X_DOES)


@pytest.mark.parametrize(
    ("before", "one", "other"),
    [
        ([*BOTH, EXCLUDED, group("g"), held("b")], held("a", "group/g"), member("client/x", "g")),
        ([*BOTH, held("b")], EXCLUDED, held("a")),
        ([*BOTH, role("c"), EXCLUDED, held("b")], role("c", "a"), held("c")),
    ],
    ids=["by a group", "by the rule", "by inheritance"],
)
async def test_an_exclusion_that_two_processes_break_at_once_gives_neither_role(
    database: Database, before: Sequence[Fact], one: Fact, other: Fact
) -> None:
    async for story, codes in at_once(database, before, Told(0, [one]), Told(1, [other])):
        assert set(codes) <= {"", "roles_exclude_each_other"}
        await story.kept()
        excluded = own(EXCLUDED, story.number) in story.facts
        given = 0 if codes == ["", ""] else 1 if excluded else 2
        for process in story.processes:
            for then in (None, Moment(story.clock.time)):
                answers = (await story.answers(process, WHAT_X_DOES, then=then)).values()
                assert sum(allowed for allowed, _ in answers) == given


@pytest.mark.parametrize(
    ("gone", "given", "code"),
    [
        (role("a"), [held("a")], "role_in_use"),
        (group("g"), [member("client/x", "g"), held("a", "group/g")], "group_in_use"),
    ],
    ids=["role", "group"],
)
async def test_what_one_process_removes_while_another_gives_it_gives_nothing_and_does_not_come_back(
    database: Database, gone: Fact, given: Sequence[Fact], code: str
) -> None:
    async for story, codes in at_once(database, [role("a"), group("g")], Told(0, remove=[gone]), Told(1, given)):
        assert set(codes) <= {"", code, "role_unknown", "group_unknown"}
        allowed = codes == [code, ""]
        for number, process in enumerate(story.processes):
            answers = await story.answers(process, WHAT_X_DOES[:1])
            assert [one for one, _ in answers.values()] == [allowed]
            if codes == ["", ""]:
                assert await story.tell(Told(number, [gone])) == code


async def at_once(
    database: Database, before: Sequence[Fact], one: Told, other: Told
) -> AsyncIterator[tuple[Story, Sequence[str]]]:
    """Each time with names of its own, and in another order: the story so far, and what was refused of the two."""
    delays = Delays()
    async with two_writers(database, delays) as (first, gates):
        for number in range(ROUNDS):
            delays.chance = Random(number)
            orders = [nearly(delays.chance), *(overtaken(gate, which) for which, gate in enumerate(gates))]
            story = Story(number, first.processes, first.neighbours, first.clock)
            await story.begin()
            assert await story.tell(Told(0, before)) == ""
            _, codes = await story.tell_at_once([one, other], orders[number % 3])
            print("CODES", number % 3, codes)
            yield story, codes
