"""Rules are parsed before they decide, beside what goes on: no decision waits for it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import pytest
import pytest_asyncio

from eventlog.projection import Put
from services.policy.domain.entities import Entity, Question
from services.policy.domain.rules.engine import Rules
from services.policy.inforce import COMPILED, InForce
from tests.unit.policy.rules.asking import DOCUMENTS
from tests.unit.policy.rules.governed import READERS, Governed
from tests.unit.policy.world import ALICE

READ = Question(ALICE, "document.read", Entity("document", "1"))
MANY = READERS + "\n".join(
    f'permit (principal in group::"g{number}", action == Action::"document.read", resource is document);'
    for number in range(400)
)


@pytest_asyncio.fixture
async def world() -> AsyncIterator[Governed]:
    world = Governed()
    world.meet(ALICE.id)
    running = asyncio.ensure_future(world.in_force.run())
    yield world
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def until(so: Callable[[], bool]) -> int:
    """How often others went on until it was so."""
    turns = 0
    async with asyncio.timeout(30):
        while not so():
            await asyncio.sleep(0)
            turns += 1
    return turns


def parsed(world: Governed, version: int) -> Callable[[], bool]:
    return lambda: version in world.in_force.compiled


def row(version: int, policies: str) -> Put:
    value = {"version": version, "policies": policies, "schema": DOCUMENTS, "position": version, "time": 1}
    return Put("rules", f"{version:09}", value)


def activation(version: int, position: int) -> Put:
    return Put("activation", f"{position:019}", {"version": version, "position": position, "time": 1})


async def test_a_version_is_parsed_once_it_is_written_and_others_go_on_meanwhile(world: Governed) -> None:
    version = await world.write(MANY)
    assert await until(lambda: version in world.in_force.compiled) > 10
    await world.activate(version)
    assert world.decisions.answer(READ).allowed


async def test_a_version_that_decides_before_it_is_parsed_decides_all_the_same(world: Governed) -> None:
    world.in_force.apply(row(1, READERS))
    world.in_force.apply(activation(1, 2))
    assert world.decisions.answer(READ).allowed


async def test_what_decides_stays_parsed_however_many_are_written(world: Governed) -> None:
    await world.activate(await world.write(READERS))
    for number in range(2, 2 + 2 * COMPILED):
        world.in_force.apply(row(number, f"{READERS} // {number}"))
        await until(parsed(world, number))
    assert 1 in world.in_force.compiled
    assert len(world.in_force.compiled) == COMPILED


async def test_a_process_that_starts_parses_what_decides_and_what_was_written_last() -> None:
    started = InForce()
    started.reset([*(row(number, READERS) for number in range(1, 6)), activation(2, 7)])
    running = asyncio.ensure_future(started.run())
    await until(lambda: len(started.compiled) == 2)
    assert started.compiled == {2, 5}
    running.cancel()


async def test_what_cannot_be_read_ends_nothing(world: Governed) -> None:
    world.in_force.apply(row(1, "this is no policy;"))
    world.in_force.apply(row(2, READERS))
    await until(lambda: 2 in world.in_force.compiled)
    world.in_force.apply(row(3, "permit (principal"))
    world.in_force.apply(activation(3, 9))
    assert world.decisions.answer(READ).code == "failed"
    world.in_force.apply(row(4, READERS))
    await until(lambda: 4 in world.in_force.compiled)


async def test_what_cannot_be_read_is_looked_at_once_whatever_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a version of a later release: it denies everything, and a roll-back must be heard meanwhile."""
    read: list[str] = []

    def refused(policies: str) -> Rules:
        read.append(policies)
        raise ValueError("not understood")

    monkeypatch.setattr(Rules, "checked", refused)
    in_force = InForce()
    in_force.reset([row(1, READERS), activation(1, 2)])
    for _ in range(3):
        with pytest.raises(ValueError, match="not understood"):
            in_force.now()
    assert len(read) == 1
