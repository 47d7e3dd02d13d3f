"""A rebuild leaves a busy process most of its time."""

import asyncio
import time
from collections.abc import AsyncGenerator

from eventlog.feed import Batch
from eventlog.projection.rebuilding import resting
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
