"""A suite of its own for those who would drown one: it believes the addresses that a proxy on this machine tells.

`make test` sends small floods; `make flood` the full ones (WATCHWORD_FLOOD=full).
"""

import os
import resource
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.harness.people import People
from tests.harness.running import Running, running_suite

HERE = Path(__file__).parent
FULL = os.environ.get("WATCHWORD_FLOOD") == "full"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A flood takes a while to come, on a machine that may be busy."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="session", autouse=True)
def descriptors() -> int:
    """As many as this user may open, for this process and the suite that it starts."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


@pytest.fixture(scope="session")
def crowd(descriptors: int) -> int:
    """How many connect at once: 10,000 in full, where this machine lets one process open so many."""
    wanted = 10_000 if FULL else 1_500
    assert not FULL or descriptors > wanted + 500, f"ulimit -Hn is {descriptors}: the full flood needs {wanted + 500}"
    return min(wanted, descriptors // 2)


@pytest.fixture(scope="session")
def suite(descriptors: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_suite(tmp_path_factory.mktemp("flood") / "data", "--trusted-proxy", "127.0.0.1") as running:
        yield running


@pytest_asyncio.fixture
async def people(suite: Running) -> AsyncIterator[People]:
    async with People.of(suite) as people:
        yield people
