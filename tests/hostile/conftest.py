"""A suite of its own for hostile input, over one transport: what fuzzing does to it, other tests would feel.

(It rotates keys as compromised, revokes whatever it can name, rebuilds projections, and uses up limits.)
"""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from suite.databases import SERVICES
from tests.harness.people import People
from tests.harness.running import Running, running_suite
from tests.harness.seeds import SEED


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_suite(tmp_path_factory.mktemp("hostile") / "data") as running:
        yield running
        for name in SERVICES:
            assert not failures(running, name)


def failures(suite: Running, name: str) -> list[dict[str, Any]]:
    """What a service has logged as an error of its own."""
    lines = [json.loads(line) for line in (suite.place.logs / f"{name}.log").read_text().splitlines()]
    return [line for line in lines if line["event"] in ("request_failed", "call_failed") or "exception" in line]


@pytest_asyncio.fixture
async def people(suite: Running) -> AsyncIterator[People]:
    async with People.of(suite) as people:
        yield people


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"hostile input: WATCHWORD_FUZZ_SEED={SEED}")
