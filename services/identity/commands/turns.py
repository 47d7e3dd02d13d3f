"""Attempts at one name from one place take turns, so that honest ones at once are not counted as failures to come."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from eventlog.errors import Kind, Refusal, unavailable


class Turns:
    """At most `at_once` attempts of one key are made at a time; others wait: `share` of one source, `queue` in all."""

    def __init__(self, at_once: int, share: int, queue: int) -> None:
        self._at_once = at_once
        self._share = share
        self._queue = queue
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._of_key: Counter[str] = Counter()
        self._of_source: Counter[str] = Counter()

    @asynccontextmanager
    async def turn(self, key: str, source: str) -> AsyncIterator[None]:
        """Waits for a turn. Raises Refusal `too_many_attempts` or `overloaded` where too many wait."""
        if self._of_source[source] >= self._share:
            raise Refusal(Kind.TOO_MANY, "too_many_attempts", "too many of your attempts wait already", 1)
        if self._of_source.total() >= self._queue:
            raise unavailable("overloaded", "too many people log in at once")
        self._of_key[key] += 1
        self._of_source[source] += 1
        try:
            async with self._turns.setdefault(key, asyncio.Semaphore(self._at_once)):
                yield
        finally:
            _less(self._of_source, source)
            if not _less(self._of_key, key):
                del self._turns[key]


def _less(counter: Counter[str], key: str) -> int:
    """Counts one less, keeps no zero, and answers what is left."""
    counter[key] -= 1
    return counter[key] or counter.pop(key)
