"""A rebuild leaves a busy process most of its time."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import ExitStack, contextmanager

from eventlog.feed import Batch
from eventlog.projection.rebuilding import resting, wanted
from tests.unit.projection.notes import running, written


def _work(seconds: float) -> float:
    """So much of the core; what it took."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass
    return seconds


async def test_a_rebuild_takes_less_than_a_fifth_of_a_busy_process() -> None:
    rows = (await written("a:1")).rows
    mine, others = 0.0, 0.0

    async def pages() -> AsyncGenerator[Batch, None]:
        for _ in range(20):
            yield Batch(rows, None)

    async def requests() -> None:
        nonlocal others
        while True:
            others += _work(0.002)
            await asyncio.sleep(0)

    async with running(requests):
        async for _ in resting(pages()):
            mine += _work(0.01)
    assert mine < (mine + others) / 5


@contextmanager
def crowded() -> Iterator[None]:
    """One core for this process and three others that want all of it."""
    cores = os.sched_getaffinity(0)
    with ExitStack() as stack:
        stack.callback(os.sched_setaffinity, 0, cores)
        os.sched_setaffinity(0, {min(cores)})
        for _ in range(3):
            hog = stack.enter_context(
                subprocess.Popen([sys.executable, "-c", "print(flush=True)\nwhile True: pass"], stdout=subprocess.PIPE)
            )
            stack.callback(hog.kill)
            assert hog.stdout is not None
            hog.stdout.readline()
        yield


def test_a_process_that_waits_for_its_core_is_not_idle() -> None:
    with crowded():
        began, before, spent = time.monotonic(), wanted(), time.process_time()
        while time.monotonic() < began + 1.0:
            pass
        took = time.monotonic() - began
        assert time.process_time() - spent < 0.6 * took, "the others had none of the core"
        assert wanted() - before > 0.8 * took
