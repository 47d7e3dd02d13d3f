"""One suite for all tests that break a part of it; `up` and what it starts again must mend it."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.deploy.tools import REQUIRED
from tests.harness.history import lacks_history
from tests.harness.nginx import lacks
from tests.harness.people import People
from tests.harness.replicas import Replicas
from tests.harness.replicas import replicas as running_replicas
from tests.harness.running import Running, running_suite

HERE = Path(__file__).parent
NO_NGINX = lacks()
if NO_NGINX and os.environ.get(REQUIRED) == "1":
    raise pytest.UsageError(f"tests/fault/test_replicas_*.py cannot run: {NO_NGINX}")

NO_HISTORY = lacks_history()
MISSING = {"test_replicas_upgrade.py": NO_HISTORY} if NO_HISTORY else {}
if NO_NGINX:
    MISSING["test_replicas_*.py"] = NO_NGINX

collect_ignore_glob = sorted(MISSING)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What breaks has to be started again, on a machine that may be busy."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(300))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names what was not collected."""
    if MISSING:
        terminalreporter.section("not run on this machine")
        for name, reason in sorted(MISSING.items()):
            terminalreporter.line(f"tests/fault/{name}: {reason}")


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
