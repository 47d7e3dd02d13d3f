"""What leaves the services is what docs/events says, to the field, over the feed and in Kafka.

The tools for security teams show it: after a run that does all that people, their mistakes and thieves do.
"""

import asyncio
import json
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from typer.testing import CliRunner

from eventlog.events import Recorded, rfc3339
from suite.cli import app
from suite.databases import SERVICES
from suite.operator import operator
from suite.reading import read
from tests.harness.described import fits, fits_body
from tests.harness.kafka import Broker
from tests.harness.known_run import use_everything
from tests.harness.running import Running, running_suite, until
from watchword.kafka import HEARTBEAT, Kafka

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "alert_on_reuse.py"
SEEN = {
    "identity": {"account.registered", "credential.changed", "login.failed", "login.succeeded", "session.ended"},
    "token": {"refresh.rotated", "refresh.retried", "refresh.reuse_detected", "family.revoked", "key.published"},
    "policy": {"administrator.created", "role.defined"},
}
"""Some of what must have happened, so that nothing was looked at in vain."""

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True)
class Used:
    """The suite, its cluster, and the file to which the example has alerted from the start."""

    suite: Running
    kafka: Kafka
    alerts: Path

    async def rows(self, name: str) -> list[Recorded]:
        """The log, as the feed gives it."""
        async with operator(self.suite.place, self.suite.fleet.target) as peers:
            return [row async for row in read(peers, name, 1)]

    async def records(self, name: str, until_position: int) -> AsyncIterator[ConsumerRecord]:
        """The topic, raw, up to the first heartbeat for that position."""
        partition = TopicPartition(self.kafka.topic(name), 0)
        consumer = AIOKafkaConsumer(bootstrap_servers=self.kafka.servers, enable_auto_commit=False)
        consumer.assign([partition])
        async with consumer, asyncio.timeout(30):
            await consumer.seek_to_beginning()
            async for record in consumer:
                yield record
                said = dict(record.headers)
                if record.key is None and int(said["ce_position"]) >= until_position:
                    return

    def tail(self, *arguments: str) -> list[Any]:
        place = ("--data", str(self.suite.place.data))
        result = CliRunner().invoke(app, ["events", "tail", *arguments, *place, "--json", "--from", "1"])
        assert result.exit_code == 0, result.output
        return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture(scope="module")
def used(kafka: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Used]:
    data = tmp_path_factory.mktemp("published")
    topics = Kafka(kafka.bootstrap, topics=f"test-{uuid.uuid4().hex[:12]}")
    with running_suite(data / "data", f"--kafka={topics.servers}", f"--kafka-topics={topics.topics}") as suite:
        with (data / "alerts").open("wb") as alerts:
            command = [sys.executable, str(EXAMPLE), topics.servers, topics.topic("token"), str(data / "state.json")]
            watching = subprocess.Popen(command, stdout=alerts, stderr=alerts)
        try:
            asyncio.run(use_everything(suite))
            yield Used(suite, topics, data / "alerts")
        finally:
            watching.terminate()
            watching.wait(20)


@pytest.mark.parametrize("name", SERVICES)
async def test_every_event_that_the_feed_gives_is_as_documented(used: Used, name: str) -> None:
    types = set()
    for row in await used.rows(name):
        fits_body(row.type, row.body)
        types.add(row.type)
    assert types >= {f"watchword.{name}.{event}.v1" for event in SEEN[name]}


@pytest.mark.parametrize("name", SERVICES)
async def test_every_record_that_is_published_is_as_documented(used: Used, name: str) -> None:
    rows = {row.position: row for row in await used.rows(name)}
    published, heartbeats = [], 0
    async for record in used.records(name, len(rows)):
        headers = dict(record.headers)
        fits(Kafka("").topic(name), record.key, record.value, headers)
        heartbeats += headers["ce_type"] == HEARTBEAT.encode()
        if record.key is not None:
            published.append(int(headers["ce_position"]))
            row = rows.get(published[-1])
            assert row is None or (row.type.encode(), row.body) == (headers["ce_type"], record.value)
    assert heartbeats
    assert published[: len(rows)] == list(rows), "the log, whole and in order"


def test_the_example_alerts_on_the_reuse_that_was_detected(used: Used) -> None:
    detected = [row for row in asyncio.run(used.rows("token")) if ".refresh.reuse_detected." in row.type]
    assert detected
    expected = []
    for row in detected:
        said = msgspec.json.decode(row.body)
        names = f"family {said['family_id']} client {said['client_id']} account {said['subject']}"
        expected.append(f"ALERT {rfc3339(row.time)} refresh token reused: {names} by {said['presented_by']}")
    until(lambda: len(used.alerts.read_text().splitlines()) >= len(expected), "it alerts", 30)
    assert used.alerts.read_text().splitlines() == expected


@pytest.mark.parametrize("name", SERVICES)
def test_tail_shows_of_the_topic_what_it_shows_of_the_feed(used: Used, name: str) -> None:
    of_the_feed = used.tail(name)
    assert of_the_feed

    def of_the_topic() -> list[Any]:
        return used.tail(name, "--kafka", "--kafka-topics", used.kafka.topics)[: len(of_the_feed)]

    until(lambda: len(of_the_topic()) == len(of_the_feed), "the relay has published as much", 30)
    assert of_the_topic() == of_the_feed
