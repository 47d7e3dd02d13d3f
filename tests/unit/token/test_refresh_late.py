"""A use of a refresh token that its client may have given up: it gives nothing, and ends nothing."""

import asyncio

import pytest

from eventlog.store import Appended, Command, MemoryStore
from services.token.domain.errors import MayHaveWaited, Reused
from tests.unit.token.world import GONE, World, refresh_of, refused


@pytest.fixture
async def world() -> World:
    return await World.made()


async def test_a_use_that_waited_for_the_log_while_its_client_went_on_elsewhere_is_no_theft(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held, slow, append = list[asyncio.Event](), asyncio.Event(), MemoryStore.append

    async def appending(store: MemoryStore, command: Command) -> Appended:
        if held:
            await held.pop().wait()
        return await append(store, command)

    monkeypatch.setattr(MemoryStore, "append", appending)
    monkeypatch.setattr("services.token.commands.awaited.PROMPT", 0.01)
    world = await World.made()
    first = refresh_of(await world.login())
    held.append(slow)
    late = asyncio.ensure_future(world.refresh(first, world.a))
    while held:
        await asyncio.sleep(0)
    second = refresh_of(await world.refresh(first, world.b))
    third = refresh_of(await world.refresh(second, world.b))
    await asyncio.sleep(0.02)  # longer than a use may wait, and be judged
    slow.set()
    with pytest.raises(MayHaveWaited):
        await late
    monkeypatch.undo()
    await world.refresh(third, world.a)
    with pytest.raises(Reused):
        await world.refresh(first, world.a)


async def test_a_use_that_waited_in_a_process_that_had_stopped_while_its_client_went_on_elsewhere_is_no_theft(
    world: World,
) -> None:
    first = refresh_of(await world.login())
    third = refresh_of(await world.refresh(refresh_of(await world.refresh(first, world.b)), world.b))
    before = world.head
    world.a.ready_since = world.clock.now()
    for _ in range(2):
        with pytest.raises(MayHaveWaited):
            await world.refresh(first, world.a)
        world.clock.forward(0.99)
    assert world.head == before
    await world.refresh(third, world.a)
    world.clock.forward(0.02)
    assert await refused(world, first, process=world.a) == ["refresh.reuse_detected", "family.revoked"]


async def test_a_use_by_a_client_that_has_hung_up_is_no_theft(world: World) -> None:
    first = refresh_of(await world.login())
    third = refresh_of(await world.refresh(refresh_of(await world.refresh(first))))
    before = world.head
    with pytest.raises(MayHaveWaited):
        await world.refresh(first, awaited=GONE)
    assert world.head == before
    await world.refresh(third)
