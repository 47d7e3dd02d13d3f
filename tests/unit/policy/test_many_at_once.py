"""Many questions at once keep nobody waiting, and are all answered on the same facts."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any

import pytest_asyncio

from services.policy.domain.decision import Decision
from services.policy.domain.entities import Entity, Question
from services.policy.projections import AccountDisabled
from services.policy.queries import AT_ONCE, Answers, Moment
from tests.unit.policy.door import Door, opened
from tests.unit.policy.world import ALICE, World, put

READER = {"kind": "role", "name": "reader", "actions": ["document.read"]}
ROLE = {"kind": "role", "name": "viewer", "actions": ["document.list"], "inherits": ["reader"]}
HELD = {"kind": "assignment", "holder": str(ALICE), "role": "viewer"}
ASKED = Question(ALICE, "document.read", Entity("document", "7"))
BODY = {
    "subject": {"type": "account", "id": ALICE.id},
    "action": {"name": "document.read"},
    "resource": {"type": "document", "id": "7"},
}


@pytest_asyncio.fixture
async def door() -> AsyncIterator[Door]:
    world = World()
    world.meet(ALICE.id)
    await world.say(READER, ROLE, HELD)
    async with opened(world) as door:
        yield door


def codes(decisions: Sequence[Decision]) -> set[str]:
    return {one.code for one in decisions}


async def test_another_request_is_answered_while_a_thousand_are_decided(door: Door) -> None:
    many = asyncio.ensure_future(door.ask("/access/v1/evaluations", BODY | {"evaluations": [{}] * 1000}))
    one = asyncio.ensure_future(door.evaluate(BODY))
    first, _ = await asyncio.wait({many, one}, return_when=asyncio.FIRST_COMPLETED)
    assert first == {one}
    assert all(each["decision"] for each in (await many).json()["evaluations"])


async def test_another_request_is_answered_while_a_thousand_of_another_time_are_decided(door: Door) -> None:
    then = {"context": {"watchword": {"as_of": {"position": 3}}}}
    many = asyncio.ensure_future(door.ask("/access/v1/evaluations", BODY | then | {"evaluations": [{}] * 1000}))
    one = asyncio.ensure_future(door.evaluate(BODY))
    first, _ = await asyncio.wait({many, one}, return_when=asyncio.FIRST_COMPLETED)
    assert first == {one}
    assert all(each["decision"] for each in (await many).json()["evaluations"])


async def asked_meanwhile(world: World, meanwhile: Coroutine[Any, Any, int]) -> Answers:
    """What a thousand are answered while something else comes to its end."""
    many = asyncio.ensure_future(world.decisions.answered([ASKED] * 1000))
    other = asyncio.ensure_future(meanwhile)
    first, _ = await asyncio.wait({many, other}, return_when=asyncio.FIRST_COMPLETED)
    assert first == {other}
    return await many


async def test_what_is_changed_meanwhile_counts_for_none_of_them(door: Door) -> None:
    world = door.world
    changes = [
        world.unsay(HELD),
        world.say(HELD),
        world.say(ROLE | {"inherits": []}),
        world.say(ROLE),
    ]
    expected = ["allowed", "no_matching_role", "allowed", "no_matching_role"]
    for change, code in zip(changes, expected, strict=True):
        assert world.code("document.read") == code
        before = world.policy.applied
        answered = await asked_meanwhile(world, change)
        assert (codes(answered.decisions), answered.position) == ({code}, before)
        assert world.policy.applied > before
    assert world.code("document.read") == "allowed"


async def test_facts_that_are_read_anew_meanwhile_count_for_none_of_them(door: Door) -> None:
    async def reset() -> int:
        door.world.memory.facts.reset([put(READER), put(ROLE)])
        return 0

    answered = await asked_meanwhile(door.world, reset())
    assert codes(answered.decisions) == {"allowed"}
    assert door.world.code("document.read") == "no_matching_role"


async def test_who_is_disabled_meanwhile_is_denied_from_then_on(door: Door) -> None:
    async def disable() -> int:
        return door.world.at_identity(AccountDisabled(account_id=ALICE.id))

    answered = await asked_meanwhile(door.world, disable())
    assert [one.code for one in answered.decisions[AT_ONCE - 1 : AT_ONCE + 1]] == ["allowed", "subject_disabled"]


async def test_all_are_asked_for_one_time(door: Door) -> None:
    world = door.world
    await world.say(HELD | {"expires_at": "1972-09-28T00:00:00Z"})

    async def wait() -> int:
        world.clock.time += 10**15
        return world.clock.time

    assert codes(await world.decisions.answers([ASKED], Moment(world.clock.time))) == {"allowed"}
    answered = await asked_meanwhile(world, wait())
    assert codes(answered.decisions) == {"allowed"}
    assert world.code("document.read") == "no_matching_role"
