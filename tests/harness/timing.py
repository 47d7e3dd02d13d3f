"""Whether two things can be told apart by the time that they take, as a test that says how often it is wrong.

Both are done in turn, in an order drawn for each pair, and their processor time is taken: what else the machine does
counts for neither. Then the rank sum of Mann and Whitney asks whether one of them takes longer than the other by more
than `MARGIN`. Where they do not, it says so all the same in fewer than one of a million comparisons (each way z > 4.9
has p = 4.8e-7); it sees a difference of twice the margin where that is beyond the scatter.
"""

import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median

MARGIN = 0.10
Z = 4.9
Act = Callable[[int], Awaitable[object]]


@dataclass(frozen=True)
class Compared:
    """Processor times in seconds of two things."""

    one: Sequence[float]
    other: Sequence[float]

    @property
    def told_apart(self) -> bool:
        return self._longer(self.one, self.other) > Z or self._longer(self.other, self.one) > Z

    def __str__(self) -> str:
        one, other = (f"{median(times) * 1e6:.0f} µs" for times in (self.one, self.other))
        scores = f"{self._longer(self.one, self.other):.1f} and {self._longer(self.other, self.one):.1f}"
        return f"{one} and {other}, z {scores}"

    @staticmethod
    def _longer(longer: Sequence[float], shorter: Sequence[float]) -> float:
        """The standard score of the rank sum, against the shorter with the margin upon it."""
        return score(longer, [one * (1 + MARGIN) for one in shorter])


def score(one: Sequence[float], other: Sequence[float]) -> float:
    """Of Mann and Whitney's U: above 0 where `one` tends to be greater. Times hardly ever tie."""
    ranked = sorted([(value, True) for value in one] + [(value, False) for value in other])
    ranks = sum(rank for rank, (_, first) in enumerate(ranked, 1) if first)
    n, m = len(one), len(other)
    u = ranks - n * (n + 1) / 2
    return (u - n * m / 2) / sqrt(n * m * (n + m + 1) / 12)


async def compared(one: Act, other: Act, samples: int, seed: int, warm_up: int = 5) -> Compared:
    """Does each so many times; each is told which time it is."""
    order = random.Random(seed)
    times: dict[Act, list[float]] = {one: [], other: []}
    for number in range(samples + warm_up):
        pair = [one, other]
        order.shuffle(pair)
        for act in pair:
            started = time.process_time()
            await act(number)
            times[act].append(time.process_time() - started)
    return Compared(times[one][warm_up:], times[other][warm_up:])
