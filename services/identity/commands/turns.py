"""Attempts at one name from one place take turns, so that honest ones at once are not counted as failures to come."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from eventlog.errors import Kind, Refusal, unavailable


class Turns:
    """At most `at_once` attempts of one key are made at a time; the others wait: `share` of one key, `queue` in all."""

    def __init__(self, at_once: int, share: int, queue: int) -> None:
        self._at_once = at_once
        self._share = share
        self._queue = queue
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._here: Counter[str] = Counter()

    @asynccontextmanager
    async def turn(self, key: str) -> AsyncIterator[None]:
        """Waits for a turn. Raises Refusal `too_many_attempts` or `overloaded` where too many wait."""
        if self._here[key] >= self._share:
            raise Refusal(Kind.TOO_MANY, "too_many_attempts", "too many of your attempts wait already", 1)
        if self._here.total() >= self._queue:
            raise unavailable("overloaded", "too many people log in at once")
        self._here[key] += 1
        try:
            async with self._turns.setdefault(key, asyncio.Semaphore(self._at_once)):
                yield
        finally:
            self._here[key] -= 1
            if not self._here[key]:
                del self._here[key], self._turns[key]
