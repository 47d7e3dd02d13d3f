"""The tour ends with a clear sentence where a step does not hold."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from suite import contract
from suite.contract import Clients, ConfidentialClient, PublicClient
from tests.unit.suite.small_suite import Small, small_suite


@pytest.fixture
def suite(tmp_path: Path) -> Iterator[Small]:
    with small_suite(tmp_path) as small:
        yield small


def test_without_the_demo_it_says_how_to_get_one(suite: Small) -> None:
    result = suite.watchword("tour")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "start `watchword up` without --no-demo" in result.stderr


def test_a_step_that_does_not_hold_is_named_with_what_came_instead(suite: Small) -> None:
    clients = Clients(PublicClient("app"), ConfidentialClient("service", "secret"))
    contract.write(msgspec.structs.replace(contract.read(suite.place), clients=clients), suite.place)
    result = suite.watchword("tour")
    assert result.exit_code == 1
    assert result.stderr.startswith("“register” does not hold: POST /v1/accounts should answer 201: it answered 404")
