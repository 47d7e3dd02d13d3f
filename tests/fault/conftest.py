"""One suite for all tests that break a part of it; `up` and what it starts again must mend it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.harness.people import People
from tests.harness.replicas import Replicas
from tests.harness.replicas import replicas as running_replicas
from tests.harness.running import Running, running_suite

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What breaks has to be started again, on a machine that may be busy."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_suite(tmp_path_factory.mktemp("fault") / "data") as running:
        yield running


@pytest_asyncio.fixture
async def people(suite: Running) -> AsyncIterator[People]:
    async with People.of(suite) as people:
        yield people


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def replicas(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Replicas]:
    """Two of each service behind nginx; whoever ends one starts it again."""
    async with running_replicas(tmp_path_factory.mktemp("replicas") / "data") as running:
        yield running
