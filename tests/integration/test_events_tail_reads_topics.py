"""`watchword events tail --kafka` shows each event once and in order, and names the first record that does not fit."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from suite.cli import app
from tests.harness.kafka import Broker
from tests.harness.published import Published, published
from tests.harness.running import until
from watchword.kafka import Kafka

Write = Callable[[Published], Awaitable[None]]


@pytest.fixture
def topics(kafka: Broker, kafka_topics: str) -> Kafka:
    return Kafka(kafka.bootstrap, topics=kafka_topics)


def given(topics: Kafka, write: Write) -> None:
    """The topic of token, with what `write` puts there."""

    async def made() -> None:
        async with published(topics, "token") as topic:
            await write(topic)

    asyncio.run(made())


def tail(topics: Kafka, *arguments: str) -> Result:
    cluster = ("--broker", topics.servers, "--kafka-topics", topics.topics)
    return CliRunner().invoke(app, ["events", "tail", "token", *cluster, *arguments])


def positions(result: Result) -> list[int]:
    assert result.exit_code == 0, result.output
    return [json.loads(line)["position"] for line in result.stdout.splitlines()]


async def five(topic: Published) -> None:
    """Five events, with heartbeats between; a relay that had been stopped repeats two."""
    sent = [await topic.event("client.revoked", "client/app", client_id="app", reason=str(n)) for n in range(4)]
    await topic.heartbeat()
    for record in sent[1:3]:
        await topic.send(record)
    await topic.event("client.revoked", "client/app", client_id="app", reason="last")
    await topic.heartbeat()


def test_each_event_is_shown_once_and_in_order(topics: Kafka) -> None:
    given(topics, five)
    assert positions(tail(topics, "--json")) == [1, 2, 3, 4, 5]
    assert positions(tail(topics, "--json", "--lines", "2")) == [4, 5]
    assert positions(tail(topics, "--json", "--from", "3")) == [3, 4, 5]
    assert positions(tail(topics, "--json", "--from", "9")) == []
    assert positions(tail(topics, "--json", "--lines", "0")) == []


def test_the_lines_are_those_of_the_feed(topics: Kafka) -> None:
    given(topics, five)
    line = "token          5 17:46:40.000 client.revoked           client/app by a-test "
    assert tail(topics, "--lines", "1").stdout == line + '{"client_id":"app","reason":"last"}\n'
    assert json.loads(tail(topics, "--json", "--lines", "1").stdout).keys() == {
        "log", "position", "stream", "stream_version", "type", "time", "command_id", "actor", "correlation_id", "body",
        "sealed_hash", "chain_hash",
    }  # fmt: skip


async def one_more(topic: Published) -> None:
    await topic.event("client.revoked", "client/app", client_id="app", reason="came later")


async def a_gap(topic: Published) -> None:
    await topic.event("key.retired", "keyring/one", key_id="k1")
    topic.next("key.removed", "keyring/one", key_id="k1")
    await topic.event("key.retired", "keyring/one", key_id="k2")


async def a_changed_body(topic: Published) -> None:
    await topic.event("key.retired", "keyring/one", key_id="k1")
    await topic.send(msgspec.structs.replace(topic.next("key.retired", "keyring/one", key_id="k2"), body=b"{}"))


async def a_strangers_record(topic: Published) -> None:
    await five(topic)
    await topic.write(b"client/app", b"{}", [("ce_type", b"watchword.token.client.revoked.v1")])
    await topic.event("key.retired", "keyring/one", key_id="k2")


async def another_log(topic: Published) -> None:
    await topic.event("key.retired", "keyring/one", key_id="k1")
    topic.log_id = str(uuid.uuid4())
    await topic.event("key.retired", "keyring/one", key_id="k2")


async def a_lost_end(topic: Published) -> None:
    await topic.event("key.retired", "keyring/one", key_id="k1")
    await topic.heartbeat(ahead=2)


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (a_gap, "position 3 of token's log does not fit: it follows 1"),
        (a_changed_body, "position 2 of token's log does not fit: its hash does not follow"),
        (a_strangers_record, "token.events.v1 does not fit: its header ce_specversion is missing or no text"),
        (another_log, "token.events.v1 does not fit: it is of another log"),
        (a_lost_end, "token.events.v1 does not fit: a heartbeat follows position 3, which is missing"),
    ],
)
def test_the_first_record_that_does_not_fit_is_named(topics: Kafka, write: Write, said: str) -> None:
    given(topics, write)
    result = tail(topics, "--from", "1")
    assert result.exit_code == 1
    assert said in result.stderr


def test_what_the_topic_no_longer_has_is_said(topics: Kafka) -> None:
    async def trimmed(topic: Published) -> None:
        for n in range(3):
            topic.next("key.retired", "keyring/one", key_id=f"k{n}")
        await topic.event("key.retired", "keyring/one", key_id="k3")
        await topic.event("key.retired", "keyring/one", key_id="k4")

    given(topics, trimmed)
    result = tail(topics, "--json", "--from", "1")
    assert positions(result) == [4, 5]
    assert result.stderr == f"{topics.topic('token')} no longer has positions 1 to 3\n"


def test_no_topic_and_no_cluster_are_a_line(topics: Kafka) -> None:
    result = tail(topics)
    assert result.exit_code == 1
    assert f"there is no topic {topics.topic('token')}" in result.stderr
    result = tail(Kafka("127.0.0.1:1"))
    assert result.exit_code == 1
    assert result.stderr.startswith("Kafka at 127.0.0.1:1 does not answer")
    assert result.stderr.count("\n") == 1


def test_it_follows_until_ctrl_c_and_ends_clean(topics: Kafka, tmp_path: Path) -> None:
    given(topics, five)
    out = tmp_path / "out"
    command = [str(Path(sys.executable).with_name("watchword")), "events", "tail", "token", "--follow", "--json"]
    command += ["--broker", topics.servers, "--kafka-topics", topics.topics]
    with out.open("wb") as said:
        following = subprocess.Popen(command, stdout=said, stderr=subprocess.PIPE, env=os.environ)
    try:
        until(lambda: out.read_text().count("\n") == 5, "it has shown what was there", 30)
        given(topics, one_more)
        until(lambda: out.read_text().count("\n") == 6, "it has shown what came", 30)
    finally:
        following.send_signal(signal.SIGINT)
        _, stderr = following.communicate(timeout=20)
    assert (following.returncode, stderr) == (0, b"")
