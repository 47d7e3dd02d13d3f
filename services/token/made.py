"""What was made of something once, for as long as the same is asked for again and again."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
V = TypeVar("V")


class Made(Generic[T, V]):
    """Makes a value of an object that never changes, and gives it again for that very object: not for an equal one.

    The value is shared: whoever is given it must not change it. The last `remember` objects are kept.
    """

    def __init__(self, make: Callable[[T], V], remember: int = 4096) -> None:
        self._make = make
        self._remember = remember
        # An object that is kept lends its identity to no other.
        self._made: OrderedDict[int, tuple[T, V]] = OrderedDict()

    def __call__(self, of: T) -> V:
        found = self._made.get(id(of))
        if found is not None:
            return found[1]
        made = self._make(of)
        self._made[id(of)] = (of, made)
        if len(self._made) > self._remember:
            self._made.popitem(last=False)
        return made
