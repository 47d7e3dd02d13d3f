"""Several processes' logs, for all tests of logs."""

import pytest

from tests.unit.eventlog.counting import Processes


@pytest.fixture
def processes() -> Processes:
    return Processes()
