"""The scheduler itself: it runs every interleaving, counts them right, and finds what only one of them shows."""

import asyncio
import math
from collections.abc import Awaitable, Callable

import pytest

from tests.races.explore import Broken, Make, Operation, Race, explore, replay
from tests.races.history import History
from tests.races.loop import outside, touch

Work = Callable[[], Awaitable[object]]


class Cell:
    """A number in a database far away."""

    def __init__(self, name: str = "cell") -> None:
        self.name, self.value = name, 0

    async def read(self) -> int:
        return await outside(self._read)

    async def _read(self) -> int:
        touch(reads={self.name})
        return self.value

    async def write(self, value: int) -> None:
        await outside(lambda: self._write(value))

    async def _write(self, value: int) -> None:
        touch(writes={self.name})
        self.value = value

    async def add(self) -> None:
        """Check, then act."""
        await self.write(await self.read() + 1)


async def holds(history: History) -> None:
    for answer in history.answers.values():
        assert not isinstance(answer, Exception), answer


def racing(*works: Callable[[Cell], Awaitable[object]], apart: bool = True) -> Make:
    """Operations on one cell, each in a process of its own or all in one."""

    async def make() -> Race:
        cell = Cell()

        def calling(work: Callable[[Cell], Awaitable[object]]) -> Work:
            return lambda: work(cell)

        async def check(history: History) -> None:
            await holds(history)
            seen.append((cell.value, *history.answers.values()))

        return Race(
            {f"o{n}": Operation(f"p{n if apart else 0}", calling(work)) for n, work in enumerate(works)},
            check,
        )

    return make


seen: list[tuple[object, ...]] = []


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    seen.clear()


@pytest.mark.parametrize("apart", [True, False])
def test_what_is_left_out_comes_out_the_same(apart: bool) -> None:
    make = racing(Cell.add, Cell.read, Cell.read, apart=apart)
    every = explore(make, reduce=False)
    outcomes = set(seen)
    seen.clear()
    some = explore(make, count=True)
    assert set(seen) == outcomes
    assert some.schedules < every.schedules / 10
    assert some.stands_for == every.schedules == math.factorial(11) // (math.factorial(5) * math.factorial(3) ** 2)


def test_callback_by_callback_there_are_more() -> None:
    make = racing(Cell.read, Cell.read, apart=False)
    assert explore(make, fine=True, count=True).stands_for >= explore(make, reduce=False).schedules == math.comb(6, 3)


def test_an_update_that_is_lost_is_found_and_found_again() -> None:
    async def make() -> Race:
        race = await racing(Cell.add, Cell.add)()

        async def check(history: History) -> None:
            await race.check(history)
            assert seen[-1][0] == 2

        return Race(race.operations, check)

    with pytest.raises(Broken) as found:
        explore(make)
    with pytest.raises(Broken) as again:
        replay(make, found.value.schedule)
    assert again.value.schedule == found.value.schedule


def test_who_is_answered_before_another_asks_is_known() -> None:
    orders: set[tuple[tuple[str, ...], ...]] = set()

    async def make() -> Race:
        race = await racing(Cell.read, Cell.read)()

        async def check(history: History) -> None:
            orders.add(tuple(history.orders()))

        return Race(race.operations, check)

    explore(make)
    assert orders == {(("o0", "o1"),), (("o1", "o0"),), (("o0", "o1"), ("o1", "o0"))}


def test_threads_run_inline_and_time_goes_on_only_where_nobody_can() -> None:
    async def sleeper(cell: Cell) -> float:
        await asyncio.to_thread(setattr, cell, "value", 7)
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time()

    found = explore(racing(Cell.read, sleeper), count=True)
    assert {answers[2] for answers in seen} == {3600.0}
    assert found.schedules > 1


def test_who_waits_for_ever_is_named() -> None:
    async def waits(cell: Cell) -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Broken, match="waiting for ever"):
        explore(racing(waits))


def test_one_who_wakes_another_comes_before_it() -> None:
    async def make() -> Race:
        event, cell = asyncio.Event(), Cell()

        async def waits() -> int:
            await event.wait()
            return await cell.read()

        async def wakes() -> None:
            await cell.write(1)
            event.set()

        async def check(history: History) -> None:
            assert history.answers == {"waits": 1, "wakes": None}

        return Race({"waits": Operation("p", waits), "wakes": Operation("q", wakes)}, check)

    assert explore(make, count=True).stands_for == explore(make, reduce=False).schedules
