from collections.abc import AsyncIterator

import pytest_asyncio

from tests.unit.identity.door import Door, door_of
from tests.unit.identity.house import House


@pytest_asyncio.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    yield made
    made.hasher.close()


@pytest_asyncio.fixture
async def door(house: House) -> AsyncIterator[Door]:
    made = door_of(house)
    async with made.client:
        yield made
