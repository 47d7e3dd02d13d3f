"""How far the races go, and what of them is said at the end of a run."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from tests.races.depth import LINES


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """What a race logs is no news: theft is played here a thousand times."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if LINES:
        terminalreporter.section("races explored whole")
        for line in LINES:
            terminalreporter.write_line(line)
