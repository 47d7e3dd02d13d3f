"""RULES 7: `wait=applied` says who has applied a revocation, who has not, and by when even those cut off deny."""

import asyncio

import pytest

from eventlog.readers import MemoryReaders, Reader
from services.token.commands.revoke import revoke_subject
from services.token.domain import SECOND
from services.token.queries import Receipts, receipts
from tests.unit.token.world import ALICE, IDENTITY, World


class Reported:
    """A revocation and the readers of the log that it stands in."""

    def __init__(self, world: World, position: int) -> None:
        self.world = world
        self.position = position
        self.made = world.clock.now()
        self.readers = MemoryReaders()

    async def report(self, name: str, applied: int, staleness: int = 5, parked: tuple[str, ...] = ()) -> None:
        reader = Reader(name, applied, staleness * SECOND, self.world.clock.now(), parked)
        await self.readers.report(reader)

    async def receipts(self, timeout: float = 0.0) -> Receipts:
        return await receipts(self.world.b.token, self.readers, self.position, timeout)


@pytest.fixture
async def revocation() -> Reported:
    world = await World.made()
    return Reported(world, await revoke_subject(world.a.token, ALICE, "test", IDENTITY))


async def test_who_has_applied_it_is_listed_with_the_ms_that_it_took(revocation: Reported) -> None:
    await revocation.report("quick", revocation.position)
    revocation.world.clock.forward(0.25)
    await revocation.report("later", revocation.position + 3)
    assert await revocation.receipts() == Receipts([("later", 250.0), ("quick", 0.0)], [], revocation.made + 5 * SECOND)


async def test_who_has_not_is_waited_for_and_listed(revocation: Reported) -> None:
    await revocation.report("behind", revocation.position - 1)
    assert (await revocation.receipts(0.05)).waiting == ["behind"]
    asked = asyncio.ensure_future(revocation.receipts(0.2))
    await asyncio.sleep(0)
    assert not asked.done()
    await revocation.report("behind", revocation.position)
    assert (await asked).waiting == []


async def test_a_reader_that_parked_anything_has_not_applied_it(revocation: Reported) -> None:
    await revocation.report("parked", revocation.position + 10, parked=("session/ses_1",))
    assert (await revocation.receipts()).waiting == ["parked"]


async def test_a_reader_that_vanished_is_remembered_for_its_max_staleness(revocation: Reported) -> None:
    await revocation.report("gone", revocation.position - 1, staleness=30)
    revocation.world.clock.forward(30)
    assert await revocation.receipts() == Receipts([], ["gone"], revocation.made + 30 * SECOND)
    revocation.world.clock.forward(0.001)
    assert await revocation.receipts() == Receipts([], [], revocation.made + 5 * SECOND)


async def test_one_that_vanished_while_it_was_waited_for_is_named(
    revocation: Reported,
) -> None:
    await revocation.report("gone", revocation.position - 1, staleness=4)
    await revocation.report("here", revocation.position, staleness=2)
    asked = asyncio.ensure_future(revocation.receipts(0.2))
    await asyncio.sleep(0)
    revocation.world.clock.forward(4.5)
    await revocation.report("here", revocation.position, staleness=2)
    found = await asked
    assert (found.waiting, found.certain_at) == (["gone"], revocation.made + 4 * SECOND)
