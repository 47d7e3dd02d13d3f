"""One suite for all end-to-end tests, on each transport: over the feed alone, and with a real Kafka between.

What hangs on how the services hear of each other is held on both. What does not is marked `over(transport)`, and runs
over that one. Second processes of identity and token run beside the suite where a test asks for them.
"""

import uuid
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.harness.kafka import Broker
from tests.harness.people import People
from tests.harness.running import START, Running, running_suite, until
from tests.harness.transports import read_from_topics

TRANSPORTS = ("feed", "kafka")
# Tests serve what applications publish and are told at; without this, token goes into no network but the public one.
LOCAL_CLIENTS = {"WATCHWORD_TOKEN_FETCH_ALLOWED": "127.0.0.1/32"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "suite" in metafunc.fixturenames:
        one = metafunc.definition.get_closest_marker("over")
        metafunc.parametrize("suite", one.args if one else TRANSPORTS, indirect=True, scope="session")


@pytest.fixture(scope="session")
def suite(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    data = tmp_path_factory.mktemp("suite") / "data"
    if request.param == "feed":
        with running_suite(data, environment=LOCAL_CLIENTS) as running:
            yield running
        return
    broker: Broker = request.getfixturevalue("kafka")
    topics = ["--kafka", broker.bootstrap, "--kafka-topics", f"e2e-{uuid.uuid4().hex[:12]}"]
    with running_suite(data, *topics, environment=LOCAL_CLIENTS) as running:
        until(lambda: read_from_topics(running), "each service reads the others from their topics", START)
        yield running
        until(lambda: read_from_topics(running), "each service still reads the others from their topics", START)


@pytest_asyncio.fixture
async def people(suite: Running) -> AsyncIterator[People]:
    async with People.of(suite) as people:
        yield people
