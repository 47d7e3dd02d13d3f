"""What happens by the clock: keys are made, rotated and removed; what can no longer matter is forgotten."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from eventlog.errors import Refusal
from eventlog.log import By
from services.token.commands.keys import FamiliesOf, end_families_of_dropped_keys, ensure_keys, keep_rings
from services.token.ports import Token

INTERVAL = 60.0
RETRY = 0.5
BY = By("service/token", "schedule")

Sweep = Callable[[int], Awaitable[None]]
"""Removes what can no longer matter at the log's time."""

log = structlog.get_logger()


class Schedule:
    """One process's clockwork. Two processes do no harm to each other: each act is a decision that holds or not."""

    def __init__(self, token: Token, families_of: FamiliesOf, sweeps: Sequence[Sweep]) -> None:
        self._token = token
        self._families_of = families_of
        self._sweeps = sweeps
        self.has_keys = False

    async def check(self) -> str | None:
        """For readiness."""
        return None if self.has_keys else "the keys of this service are being made"

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                await self._tick()
                pause = INTERVAL
            except (Refusal, OSError, TimeoutError) as error:
                log.warning("schedule_waits", reason=repr(error))
                pause = RETRY
            await asyncio.sleep(pause)

    async def _tick(self) -> None:
        await ensure_keys(self._token, BY)
        self.has_keys = True
        await keep_rings(self._token, BY)
        await end_families_of_dropped_keys(self._token, self._families_of, BY)
        for sweep in self._sweeps:
            await sweep(self._token.log.now())
