"""Limits in front of what is expensive or guessable: a moving window in memory, whose every step takes constant time.

(The in-memory storages of `limits` walk over all keys again and again, so its grammar is used and its storage is not.)
"""

import time
from collections import OrderedDict, deque
from collections.abc import Callable

from limits import parse

from chassis.telemetry import REFUSED_BY_LIMIT
from eventlog.errors import Kind, Refusal

MAX_KEYS = 100_000


class Throttle:
    """One named limit, such as "10 per minute", over any number of keys; past 100,000 the oldest are forgiven."""

    def __init__(self, name: str, limit: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        item = parse(limit)
        self._name = name
        self._amount = item.amount
        self._period = item.get_expiry()
        self._monotonic = monotonic
        self._taken: OrderedDict[tuple[str, ...], deque[float]] = OrderedDict()

    def spend(self, *key: str) -> None:
        """Takes one attempt of the key's. Raises Refusal `too_many_attempts` with the seconds until the next."""
        self.check(*key)
        self._taken.setdefault(key, deque()).append(self._monotonic())
        self._taken.move_to_end(key)
        self._forget_old()

    def check(self, *key: str) -> None:
        """The same without taking one."""
        taken = self._taken.get(key, deque())
        now = self._monotonic()
        while taken and taken[0] <= now - self._period:
            taken.popleft()
        if not taken:
            self._taken.pop(key, None)
        if len(taken) >= self._amount:
            wait = taken[0] + self._period - now
            REFUSED_BY_LIMIT.labels(self._name).inc()
            raise Refusal(Kind.TOO_MANY, "too_many_attempts", "too many attempts; try again later", max(wait, 1))

    def forgive(self, *key: str) -> None:
        """Gives the key all its attempts back."""
        self._taken.pop(key, None)

    def _forget_old(self) -> None:
        # Keys stand in the order of their last attempt.
        oldest = next(iter(self._taken))
        if len(self._taken) > MAX_KEYS or self._taken[oldest][-1] <= self._monotonic() - self._period:
            del self._taken[oldest]
