"""Tests of deploy/: the image that is really built, the manifests that kustomize builds.

Where a machine cannot do that, the tests are not collected and the run ends by naming them; where they are required, as
in CI, the run fails at once.
"""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from suite.postgres import embedded
from tests.deploy.building import Image, built
from tests.deploy.tools import REQUIRED, missing, no_image
from tests.harness.running import Running, running_suite
from tests.integration.conftest import Cluster

HERE = Path(__file__).parent
MISSING = missing()
if MISSING and os.environ.get(REQUIRED) == "1":
    raise pytest.UsageError("\n".join(f"tests/deploy/{name} cannot run: {why}" for name, why in MISSING.items()))

collect_ignore = sorted(MISSING)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """An image is built in a minute, on a machine that may be busy."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(600))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Names what was not collected."""
    if MISSING:
        terminalreporter.section("not run on this machine")
        for name, reason in sorted(MISSING.items()):
            terminalreporter.line(f"tests/deploy/{name}: {reason}")


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """The image, built from the Dockerfile on a Debian of debootstrap's."""
    reason = no_image()
    assert reason is None, reason
    with built(tmp_path_factory.mktemp("image")) as image:
        yield image


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    data = tmp_path_factory.mktemp("cluster") / "data"
    async with embedded(data) as server:
        yield Cluster(server, data)


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_suite(tmp_path_factory.mktemp("suite") / "data") as running:
        yield running
