"""The log's time in a process, and since when it is ready (RULES 3 and 8)."""

import asyncio

import pytest

from chassis.clock import LogTime
from eventlog.errors import LogUnavailable, Refusal

START = 1_700_000_000_000_000
SECOND = 1_000_000


class World:
    """A machine and a database whose clocks go on together, until one is said to stop."""

    def __init__(self) -> None:
        self.passed = 0
        self.there = True
        self.silent = False
        self.time = LogTime(self.read, lambda: self.passed * 1000)

    async def read(self) -> int:
        if not self.there:
            raise LogUnavailable
        if self.silent:
            await asyncio.Event().wait()
        return START + self.passed

    async def tick(self, seconds: float = 1.0) -> None:
        self.passed += int(seconds * SECOND)
        await self.time._ask()


async def test_the_time_is_not_known_before_it_was_heard() -> None:
    world = World()
    with pytest.raises(Refusal, match="time_unknown"):
        world.time.now()
    await world.tick()
    assert world.time.now() == START + SECOND


async def test_a_process_is_ready_since_it_first_heard_of_its_database() -> None:
    world = World()
    await world.tick()
    for _ in range(10):
        await world.tick()
    assert world.time.ready_since() == START + SECOND


async def test_a_start_that_ends_later_counts_from_its_end() -> None:
    world = World()
    await world.tick()
    await world.tick()
    world.time.became_ready()
    assert world.time.ready_since() == START + 2 * SECOND


async def test_a_process_that_was_stopped_is_ready_since_it_woke() -> None:
    world = World()
    await world.tick()
    world.passed += 30 * SECOND
    assert world.time.ready_since() == START + 31 * SECOND
    await world.tick(0.5)
    await world.tick()
    assert world.time.ready_since() == START + 31 * SECOND + SECOND // 2


async def test_an_append_that_answers_first_after_a_stop_hides_nothing() -> None:
    world = World()
    await world.tick()
    world.passed += 30 * SECOND
    world.time.observe(START + world.passed)
    assert world.time.ready_since() == START + 31 * SECOND


async def test_a_database_that_says_nothing_is_lost_before_it_answers_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.clock.PATIENCE", 0.01)
    world = World()
    await world.tick()
    world.silent = True
    async with asyncio.timeout(5):
        await world.tick()
    assert await world.time.check() == "the database does not answer"


async def test_a_database_that_was_lost_is_found_again_later() -> None:
    world = World()
    await world.tick()
    world.there = False
    await world.tick()
    assert await world.time.check() == "the database does not answer"
    assert world.time.ready_since() == world.time.now()
    world.there = True
    await world.tick()
    assert await world.time.check() is None
    await world.tick()
    assert world.time.ready_since() == START + 3 * SECOND
