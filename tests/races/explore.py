"""Every interleaving of a few operations, each tried from the start: stateless model checking.

Schedules that differ only in the order of steps that do not touch the same things come out the same, so one of each
such set is run: dynamic partial-order reduction with source sets and sleep sets (Abdulla, Aronis, Jonsson, Sagonas,
"Optimal dynamic partial order reduction", POPL 2014, algorithm 1). `reduce=False` runs them all, one by one.
"""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from tests.races.chance import chance
from tests.races.history import History, short
from tests.races.loop import Loop
from tests.races.orders import Order
from tests.races.steps import Step


@dataclass(frozen=True)
class Operation:
    """What is called, and in which process. One that `follows` need not come to an end."""

    process: str
    call: Callable[[], Awaitable[Any]]
    follows: bool = False


@dataclass(frozen=True)
class Race:
    """Operations, each of which may begin before, while or after others run, and what must hold in the end."""

    operations: dict[str, Operation]
    check: Callable[[History], Coroutine[Any, Any, None]]


Make = Callable[[], Coroutine[Any, Any, Race]]


class Broken(AssertionError):
    """A schedule after which something does not hold; `replay` runs it again."""

    def __init__(self, why: BaseException, schedule: str) -> None:
        super().__init__(f"{type(why).__name__}: {why}\nafter the schedule: {schedule}")
        self.schedule = schedule


@dataclass(slots=True)
class Explored:
    """How many schedules were run to their end, how many were left where they could show nothing new, and, where that
    was counted, how many interleavings those stand for.
    """

    schedules: int = 0
    left: int = 0
    stands_for: int = 0
    longest: int = 0

    def __str__(self) -> str:
        every = f", which stand for all {self.stands_for:,} interleavings" if self.stands_for else ""
        return f"{self.schedules:,} schedules of up to {self.longest} steps{every}"


@dataclass(slots=True)
class _Node:
    """A state on the way: who can go on, whose turn is being tried, whose need not be, and whose still has to be."""

    enabled: list[str]
    sleep: dict[str, Step]
    wanted: list[str]
    chosen: str
    tried: dict[str, Step] = field(default_factory=dict)

    def asleep_after(self, step: Step) -> dict[str, Step]:
        known = self.sleep | self.tried
        return {name: one for name, one in known.items() if name != step.operation and not one.conflicts(step)}

    def next(self) -> str | None:
        return next((name for name in self.wanted if name not in self.tried and name not in self.sleep), None)


def explore(
    make: Make, *, fine: bool = False, reduce: bool = True, count: bool = False, most: int = 50_000
) -> Explored:
    """Runs every schedule of a race, and raises Broken at the first after which something does not hold.

    `fine` gives turns callback by callback, and not only where something from outside is awaited. `count` also counts
    the interleavings. More schedules than `most` are an error: a race is explored whole, or not at all.
    """
    with chance():
        return _Explorer(make, fine, reduce, count).run(most)


def replay(make: Make, schedule: str, fine: bool = False) -> None:
    """Runs one schedule again. Raises Broken as it did before."""
    turns = iter(schedule.split())
    with chance():
        run_one(make, Loop(fine), lambda _enabled: next(turns), [])


def run_one(make: Make, loop: Loop, choose: Callable[[list[str]], str | None], steps: list[Step]) -> bool:
    """A race from its start, each turn as it is chosen. False where it was left; raises Broken."""
    race = loop.run(make())
    for name, one in race.operations.items():
        loop.start(name, one.process, one.call, one.follows)
    try:
        while enabled := loop.enabled:
            chosen = choose(enabled)
            if chosen is None:
                return False
            steps.append(loop.step(chosen))
        loop.run(race.check(History(loop.answers(), steps)))
    except Exception as why:
        raise Broken(why, short(steps)) from why
    return True


class _Explorer:
    """Depth first over whose turn it is. `_path` is where it stands; `_order` is what came before what on it."""

    def __init__(self, make: Make, fine: bool, reduce: bool, count: bool) -> None:
        self._make, self._fine, self._reduce, self._count = make, fine, reduce, count
        self._path: list[_Node] = []
        self._order = Order()
        self._steps: list[Step] = []
        self._found = Explored()

    def run(self, most: int) -> Explored:
        while True:
            self._once()
            if self._found.schedules + self._found.left > most:
                raise AssertionError(f"more than {most:,} schedules, of {len(self._steps)} steps")
            if not self._go_back():
                return self._found

    def _once(self) -> None:
        known, self._steps = self._steps[: max(0, len(self._path) - 1)], []
        whole = run_one(self._make, Loop(self._fine), self._choose, self._steps)
        if self._steps[: len(known)] != known:
            raise AssertionError("not deterministic: the same turns did something else")
        self._learn()
        self._found.longest = max(self._found.longest, len(self._steps))
        if whole:
            self._found.schedules += 1
            self._found.stands_for += self._order.interleavings() if self._count else 0
        else:
            self._found.left += 1

    def _choose(self, enabled: list[str]) -> str | None:
        at = len(self._steps)
        if at < len(self._path):
            if self._path[at].enabled != enabled:
                raise AssertionError(f"not deterministic: {enabled}, before {self._path[at].enabled}")
            return self._path[at].chosen
        sleep = self._path[-1].asleep_after(self._steps[-1]) if at and self._reduce else {}
        awake = [name for name in enabled if name not in sleep]
        if not awake:
            return None
        self._path.append(_Node(enabled, sleep, awake[:1] if self._reduce else enabled, awake[0]))
        return awake[0]

    def _learn(self) -> None:
        """Whose turn has to be tried earlier, seen from the steps that are new."""
        for step in self._steps[len(self._order) :]:
            for earlier in self._order.add(step):
                node = self._path[earlier]
                firsts = [name for name in self._order.firsts(earlier) if name in node.enabled]
                if firsts and not set(firsts) & set(node.wanted):
                    node.wanted.append(step.operation if step.operation in firsts else firsts[0])

    def _go_back(self) -> bool:
        while self._path:
            node = self._path[-1]
            node.tried[node.chosen] = self._steps[len(self._path) - 1]
            self._order.cut(len(self._path) - 1)
            chosen = node.next()
            if chosen is not None:
                node.chosen = chosen
                return True
            self._path.pop()
        return False
