"""What other rules would change: questions that were asked, judged by both."""

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

import msgspec

from services.policy.domain.rules.engine import Asked, Rules, Verdict

Q = TypeVar("Q", bound=Hashable)

KEPT = 1_000


class Change(msgspec.Struct, Generic[Q], frozen=True):
    """A question that would be answered otherwise."""

    question: Q
    before: Verdict
    after: Verdict


def differences(before: Rules, after: Rules, cases: Iterable[tuple[Q, Asked]]) -> list[Change[Q]]:
    """Those of the questions that are allowed by one and not by the other, in their order."""
    judged = ((question, before.evaluate(asked), after.evaluate(asked)) for question, asked in cases)
    return [Change(*one) for one in judged if one[1].allowed is not one[2].allowed]


class Recent(Generic[Q]):
    """The questions that were asked last, each once; at most `kept`."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._asked: OrderedDict[Q, None] = OrderedDict()
        self._new: OrderedDict[Q, None] = OrderedDict()

    def add(self, question: Q) -> None:
        """It is the newest now."""
        for some in (self._asked, self._new):
            some[question] = None
            some.move_to_end(question)
            if len(some) > self._kept:
                some.popitem(last=False)

    def all(self) -> list[Q]:
        """The newest last."""
        return list(self._asked)

    def take(self) -> list[Q]:
        """Those that were asked since the last time, to be kept elsewhere; the newest last."""
        taken = list(self._new)
        self._new.clear()
        return taken
