"""Larger pieces at a pace: the same rows in the same order, and the first at once."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from eventlog.events import Recorded
from eventlog.feed import Batch, Echo, SourceLost
from eventlog.feed.pace import paced
from eventlog.store import MemoryStore
from tests.harness.log import command


async def rows(count: int) -> list[Recorded]:
    store = MemoryStore()
    for number in range(count):
        await store.append(command(f"c{number}", {f"s/{number}": 0}))
    return store.rows


def echo(head: int) -> Echo:
    return Echo(head, 0, head, b"", head)


async def told(batches: list[Batch], then: Exception | None = None) -> AsyncGenerator[Batch, None]:
    for batch in batches:
        yield batch
    if then is not None:
        raise then


async def test_the_first_comes_at_once_and_the_rest_together() -> None:
    made = await rows(6)
    source = told([Batch([row], None, row.position) for row in made] + [Batch([], echo(6))])
    batches = [batch async for batch in paced(source, 0.01)]
    assert [row for batch in batches for row in batch.rows] == made
    assert len(batches) <= 2
    assert (batches[-1].echo, batches[-1].offset) == (echo(6), 6)


async def test_what_comes_after_a_proof_alone_does_not_wait_for_it() -> None:
    made, proven = await rows(1), asyncio.Event()

    async def quiet() -> AsyncGenerator[Batch, None]:
        yield Batch([], echo(0))
        await proven.wait()
        yield Batch(made, None)

    batches = paced(quiet(), 3600)
    assert (await anext(batches)).echo == echo(0)
    proven.set()
    async with asyncio.timeout(5):
        assert (await anext(batches)).rows == made
    await batches.aclose()


async def test_what_came_before_the_source_was_lost_is_given_first() -> None:
    made = await rows(2)
    batches = paced(told([Batch(made, None)], SourceLost("gone")), 0.001)
    assert (await anext(batches)).rows == made
    with pytest.raises(SourceLost):
        await anext(batches)


async def test_a_source_that_is_lost_while_what_came_before_waits_is_followed_no_longer() -> None:
    made = await rows(2)

    async def quick() -> AsyncGenerator[Batch, None]:
        yield Batch(made[:1], None)
        await asyncio.sleep(0.01)
        yield Batch(made[1:], None)
        raise SourceLost("gone")

    batches = paced(quick(), 0.05)
    assert [(await anext(batches)).rows, (await anext(batches)).rows] == [made[:1], made[1:]]
    with pytest.raises(SourceLost):
        async with asyncio.timeout(5):
            await anext(batches)


async def test_who_stops_taking_stops_the_source() -> None:
    closed = asyncio.Event()

    async def endless() -> AsyncGenerator[Batch, None]:
        try:
            while True:
                yield Batch([], echo(1))
                await asyncio.sleep(0)
        finally:
            closed.set()

    following = paced(endless(), 0.001)
    await anext(following)
    await following.aclose()
    async with asyncio.timeout(5):
        await closed.wait()
