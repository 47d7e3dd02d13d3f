"""What was answered to whom, and which orders one after the other could explain it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import permutations
from typing import Any

from tests.races.steps import Step


@dataclass(frozen=True)
class History:
    """A race that is over: each operation's answer, or what it raised, and the steps in the order that they took."""

    answers: dict[str, Any]
    steps: Sequence[Step] = field(repr=False)

    @cached_property
    def _began(self) -> dict[str, int]:
        return {step.operation: turn for turn, step in enumerate(self.steps) if step.began}

    @cached_property
    def _ended(self) -> dict[str, int]:
        return {step.operation: turn for turn, step in enumerate(self.steps) if step.ended}

    def precedes(self, one: str, other: str) -> bool:
        """Whether one had been answered before the other was asked."""
        return self._ended[one] < self._began[other]

    def orders(self) -> Iterator[tuple[str, ...]]:
        """The operations one after the other, in every order that those who asked could have seen."""
        for order in permutations(self.answers):
            if not any(self.precedes(late, early) for at, late in enumerate(order) for early in order[:at]):
                yield order


def short(steps: Sequence[Step]) -> str:
    """A schedule in a line: whose turn it was, to be replayed."""
    return " ".join(step.operation for step in steps)
