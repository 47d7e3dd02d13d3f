"""The log's time in this process, and since when the process is ready (RULES 3 and 8)."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from eventlog.errors import Refusal, unavailable
from watchword.clock import LogClock, boot_ns

INTERVAL = 1.0
PATIENCE = 1.0
# Not heard of for longer, the database was lost or the process had been stopped.
GAP_NS = 2_000_000_000

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class LogTime:
    """Keeps a LogClock to the database's clock, and notices where the process or its database had stopped.

    `read` answers the log's time now, in µs since 1970, from the database. Whoever hears a newer time (an append's
    answer) calls `observe`; whoever finds the database gone may call `lost`.
    """

    def __init__(self, read: Callable[[], Awaitable[int]], monotonic_ns: Callable[[], int] = boot_ns) -> None:
        self.clock = LogClock(monotonic_ns)
        self._read = read
        self._monotonic_ns = monotonic_ns
        self._heard_ns: int | None = None
        self._ready_since: int | None = None
        self._lost = False

    def now(self) -> int:
        """The log's time in µs since 1970. Raises Refusal `time_unknown` before it has been heard."""
        if not self.clock.known:
            raise unavailable("time_unknown", "the log's time is not known yet")
        return self.clock.now()

    def ready_since(self) -> int:
        """The log's time in µs at which this process last became ready.

        That is now as long as it has not heard from its database since it lost it or was stopped itself: so a request
        that waited in a socket is judged as if it came at once.
        """
        if self._ready_since is None or self._interrupted():
            return self.now()
        return self._ready_since

    def observe(self, log_time: int) -> None:
        """Takes a time of the log that has just arrived from the database."""
        interrupted = self._interrupted()
        self.clock.observe(log_time)
        self._heard_ns = self._monotonic_ns()
        self._lost = False
        if interrupted or self._ready_since is None:
            self._ready_since = self.clock.now()

    def lost(self) -> None:
        """The database does not answer: when it does again, this process has become ready again."""
        self._lost = True

    def became_ready(self) -> None:
        """The process's start has ended only now."""
        self._ready_since = self.now()

    async def check(self) -> str | None:
        """For readiness: None, or that the database does not answer."""
        return "the database does not answer" if self._interrupted() else None

    def _interrupted(self) -> bool:
        return self._lost or self._heard_ns is None or self._monotonic_ns() - self._heard_ns > GAP_NS

    async def run(self) -> None:
        """Asks each second, for ever."""
        while True:
            await self._ask()
            await asyncio.sleep(INTERVAL)

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                self.observe(await self._read())
        except (Refusal, OSError, TimeoutError) as error:
            if not self._lost:
                log.warning("database_lost", reason=repr(error))
            self.lost()
