"""What a process keeps of bodies that do not end is bounded: the oldest has had its time."""

import asyncio

from chassis.web.body import Unfinished


async def reading(unfinished: Unfinished, size: int, begun: asyncio.Event) -> str:
    """A body of which so much has come, and that ends when it is told to."""
    try:
        async with asyncio.timeout(60) as patience:
            try:
                unfinished.grow(patience, size)
                await begun.wait()
            finally:
                unfinished.end(patience)
    except TimeoutError:
        return "its time is over"
    return "read"


async def test_the_oldest_make_room_for_those_that_come() -> None:
    unfinished, ends = Unfinished(100), asyncio.Event()
    bodies = [asyncio.ensure_future(reading(unfinished, 40, ends)) for _ in range(4)]
    await asyncio.wait(bodies, timeout=60, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.wait(bodies[:2], timeout=60)
    ends.set()
    assert await asyncio.gather(*bodies) == ["its time is over"] * 2 + ["read"] * 2


async def test_what_has_ended_takes_no_room() -> None:
    unfinished, ends = Unfinished(100), asyncio.Event()
    ends.set()
    assert [await reading(unfinished, 90, ends) for _ in range(3)] == ["read"] * 3
