"""What came before what in a schedule, for a reason: steps of one operation, and steps that touch the same things."""

from functools import cache

from tests.races.steps import Step


class Order:
    """The steps of a schedule, each with those that came before it for a reason, as bits of a number."""

    def __init__(self) -> None:
        self._steps: list[Step] = []
        self._before: list[int] = []

    def __len__(self) -> int:
        return len(self._steps)

    def cut(self, length: int) -> None:
        """Forgets all but the first steps."""
        del self._steps[length:], self._before[length:]

    def add(self, step: Step) -> list[int]:
        """Takes the next step. Answers which earlier ones of other operations it could have overtaken, had it not been
        for what both touch.
        """
        reasons = [at for at, one in enumerate(self._steps) if one.operation == step.operation or one.conflicts(step)]
        before, direct = 0, []
        for at in reversed(reasons):
            if not before >> at & 1:
                direct.append(at)
                before |= self._before[at] | 1 << at
        self._steps.append(step)
        self._before.append(before)
        return [at for at in direct if self._steps[at].operation != step.operation]

    def firsts(self, earlier: int) -> list[str]:
        """Whose turn, taken in place of step `earlier`, would lead to the last step before it."""
        last = len(self._steps) - 1
        free = [at for at in range(earlier + 1, last) if not self._before[at] >> earlier & 1] + [last]
        found: dict[str, None] = {}
        seen = 0
        for at in free:
            if not self._before[at] & seen:
                found.setdefault(self._steps[at].operation)
            seen |= 1 << at
        return list(found)

    def interleavings(self) -> int:
        """In how many orders these steps could have come without coming out otherwise."""
        mine: dict[str, list[int]] = {}
        for at, step in enumerate(self._steps):
            mine.setdefault(step.operation, []).append(at)
        threads = list(mine.values())

        @cache
        def ways(done: tuple[int, ...]) -> int:
            taken = sum(1 << at for number, thread in zip(done, threads, strict=True) for at in thread[:number])
            return 1 if done == whole else sum(ways(after) for after in self._after(done, threads, taken))

        whole = tuple(map(len, threads))
        return ways((0,) * len(threads))

    def _after(self, done: tuple[int, ...], threads: list[list[int]], taken: int) -> list[tuple[int, ...]]:
        return [
            (*done[:one], number + 1, *done[one + 1 :])
            for one, (number, thread) in enumerate(zip(done, threads, strict=True))
            if number < len(thread) and not self._before[thread[number]] & ~taken
        ]
