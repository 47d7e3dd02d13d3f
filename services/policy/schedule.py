"""What happens by the clock: revocations that can end nothing any more are forgotten."""

import asyncio
from collections.abc import Callable

import structlog

from eventlog.errors import Refusal
from eventlog.projection import Rows

INTERVAL = 60.0

log = structlog.get_logger()


async def forget_revocations(rows: Rows, now: Callable[[], int]) -> None:
    """For ever. `now` is the log's time in µs; memory forgets by itself (chassis.trust.Trust.forget)."""
    while True:
        await asyncio.sleep(INTERVAL)
        try:
            await rows.forget(now())
        except (Refusal, OSError, TimeoutError) as error:
            log.warning("schedule_waits", reason=repr(error))
