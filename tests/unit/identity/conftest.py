from collections.abc import AsyncIterator

import pytest_asyncio

from tests.unit.identity.house import House


@pytest_asyncio.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    yield made
    made.hasher.close()
