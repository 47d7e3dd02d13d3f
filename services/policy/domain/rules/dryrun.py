"""What other rules would change: questions that were asked, judged by both."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, Protocol, TypeVar

import msgspec

KEPT = 1_000


class Answer(Protocol):
    """A verdict, or a decision."""

    @property
    def allowed(self) -> bool: ...


Q = TypeVar("Q")
H = TypeVar("H", bound=Hashable)
A = TypeVar("A", bound=Answer)


class Change(msgspec.Struct, Generic[Q, A], frozen=True):
    """A question that would be answered otherwise."""

    question: Q
    before: A
    after: A


def differences(before: Callable[[Q], A], after: Callable[[Q], A], questions: Iterable[Q]) -> list[Change[Q, A]]:
    """Those of the questions that one allows and the other does not, in their order."""
    judged = ((one, before(one), after(one)) for one in questions)
    return [Change(*one) for one in judged if one[1].allowed is not one[2].allowed]


class Recent(Generic[H]):
    """The questions that were asked last, each once; at most `kept`."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._asked: OrderedDict[H, None] = OrderedDict()
        self._new: OrderedDict[H, None] = OrderedDict()

    def add(self, question: H) -> None:
        """It is the newest now."""
        for some in (self._asked, self._new):
            some[question] = None
            some.move_to_end(question)
            if len(some) > self._kept:
                some.popitem(last=False)

    def all(self) -> list[H]:
        """The newest last."""
        return list(self._asked)

    def take(self) -> list[H]:
        """Those that were asked since the last time, to be kept elsewhere; the newest last."""
        taken = list(self._new)
        self._new.clear()
        return taken
