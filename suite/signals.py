"""Ctrl-C and SIGTERM: the first one stops what runs, in order; the ones after it change nothing."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from types import FrameType

from suite.report import Report

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def until_stopped(work: Callable[[AsyncExitStack], Coroutine[None, None, None]], report: Report) -> None:
    """Runs the work until it ends, or until a signal cancels it. Then what it put on the stack is undone, which nothing
    interrupts.

    To be the last thing that a process does: signals are ignored from then on, so that none changes the exit code.
    """
    asked = asyncio.create_task(_signal())
    try:
        async with AsyncExitStack() as stack:
            task = asyncio.create_task(work(stack))
            await asyncio.wait({asked, task}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                report.line("Stopping …")
                task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if asked.done():
            report.line("Stopped.")
    finally:
        asked.cancel()
        for each in STOPS:
            signal.signal(each, signal.SIG_IGN)


async def _signal() -> None:
    """Returns at the first signal."""
    loop, came = asyncio.get_running_loop(), asyncio.Event()

    def note(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(came.set)

    for each in STOPS:
        signal.signal(each, note)
    await came.wait()
