"""What happens by the clock: revocations that can end nothing any more are forgotten, what was asked is shared."""

import asyncio
from collections.abc import Callable

import structlog

from eventlog.errors import Refusal
from eventlog.projection import Rows
from services.policy.questions import Questions

INTERVAL = 60.0
FLUSH = 10.0

log = structlog.get_logger()


async def forget_revocations(rows: Rows, now: Callable[[], int]) -> None:
    """For ever. `now` is the log's time in µs; memory forgets by itself (chassis.trust.Trust.forget)."""
    while True:
        await asyncio.sleep(INTERVAL)
        try:
            await rows.forget(now())
        except (Refusal, OSError, TimeoutError) as error:
            log.warning("schedule_waits", reason=repr(error))


async def keep_questions(questions: Questions, now: Callable[[], int]) -> None:
    """For ever: shares what this process was asked with the others. `now` is the log's time in µs."""
    while True:
        await asyncio.sleep(FLUSH)
        try:
            await questions.flush(now())
        except (Refusal, OSError, TimeoutError) as error:
            log.warning("schedule_waits", reason=repr(error))
