"""argon2id in threads (it releases the GIL), behind a bounded queue."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError
from prometheus_client import Gauge

from chassis.heap import give_back
from chassis.telemetry import REFUSED_BY_LIMIT
from eventlog.errors import Kind, Refusal, unavailable

T = TypeVar("T")

REST = 3.0
"""Seconds without a hash after which the memory of those before goes back; the next one finds it anew, in a third more
time."""
WAITING = Gauge("watchword_identity_hashes_waiting", "Password hashes in work or waiting")


class ThreadHasher:
    """See ports.Hasher. At most `queue` hashes are in work or wait, `share` of them of one source; `memory` in KiB."""

    def __init__(
        self,
        *,
        threads: int,
        queue: int,
        share: int,
        minimum_strength: int,
        memory: int = 19 * 1024,
        passes: int = 2,
        lanes: int = 1,
    ) -> None:
        self._argon2 = PasswordHasher(time_cost=passes, memory_cost=memory, parallelism=lanes, type=Type.ID)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="hash")
        self._queue = queue
        self._share = share
        self._minimum_strength = minimum_strength
        self._waiting: Counter[str] = Counter()
        self._resting: asyncio.TimerHandle | None = None
        self.nobodys = self._argon2.hash(secrets.token_urlsafe(32))

    async def hash_new(self, password: str, hints: Collection[str], source: str) -> str:
        """See ports.Hasher."""
        return await self._run(source, lambda: self._hash_new(password, hints))

    async def hash(self, password: str, source: str) -> str:
        """See ports.Hasher."""
        return await self._run(source, lambda: self._argon2.hash(password))

    async def verify(self, hashed: str, password: str, source: str) -> bool:
        """See ports.Hasher."""
        return await self._run(source, lambda: self._verify(hashed, password))

    def outdated(self, hashed: str) -> bool:
        """See ports.Hasher."""
        return self._argon2.check_needs_rehash(hashed)

    def close(self) -> None:
        """Takes nothing more; what waits is dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, source: str, work: Callable[[], T]) -> T:
        with self._place(source):
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    @contextmanager
    def _place(self, source: str) -> Iterator[None]:
        if self._waiting[source] >= self._share:
            REFUSED_BY_LIMIT.labels("hash_share").inc()
            raise Refusal(Kind.TOO_MANY, "too_many_attempts", "too many of your requests wait already", 1)
        if self._waiting.total() >= self._queue:
            REFUSED_BY_LIMIT.labels("hash_queue").inc()
            raise unavailable("overloaded", "too many people log in at once")
        self._waiting[source] += 1
        WAITING.inc()
        if self._resting is not None:
            self._resting.cancel()
        try:
            yield
        finally:
            WAITING.dec()
            self._waiting[source] -= 1
            if not self._waiting[source]:
                del self._waiting[source]
            if not self._waiting:
                self._resting = asyncio.get_running_loop().call_later(REST, give_back)

    def _hash_new(self, password: str, hints: Collection[str]) -> str:
        if not password:
            raise Refusal(Kind.UNPROCESSABLE, "password_too_weak", "a password is not empty")
        # Its lists of words are 13 MiB, which a process that only verifies need not hold.
        from services.identity.adapters.strength import judge

        judged = judge(password, hints)
        if judged.score < self._minimum_strength:
            why = judged.why or "add a word or two that few would think of"
            raise Refusal(Kind.UNPROCESSABLE, "password_too_weak", f"this password is easy to guess: {why}")
        return self._argon2.hash(password)

    def _verify(self, hashed: str, password: str) -> bool:
        try:
            return self._argon2.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False
