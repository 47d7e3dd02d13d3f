"""What happens by the clock: failures are written, and what can no longer matter is forgotten."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from eventlog.errors import Refusal

INTERVAL = 15.0

log: structlog.stdlib.BoundLogger = structlog.get_logger()

Chore = Callable[[], Awaitable[None]]


class Schedule:
    """One process's clockwork; two processes do no harm to each other."""

    def __init__(self, chores: Sequence[Chore]) -> None:
        self._chores = chores

    async def run(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(INTERVAL)
            for chore in self._chores:
                await self._try(chore)

    async def _try(self, chore: Chore) -> None:
        try:
            await chore()
        except (Refusal, OSError, TimeoutError) as error:
            log.warning("schedule_waits", reason=repr(error))
