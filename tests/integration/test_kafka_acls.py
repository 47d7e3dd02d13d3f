"""docs/events/acls.sh lets in whom a suite's topics are for, and nobody else: on a broker that denies by default."""

import argparse
import asyncio
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAuthorizationFailedError
from aiokafka.protocol.admin import CreateAclsRequest
from typer.testing import CliRunner

from eventlog.relay.publisher import publisher
from eventlog.relay.topic import prepare
from eventlog.store import Head
from suite.cli import app
from suite.databases import SERVICES
from tests.harness.kafka import OwnBroker, free_address, own_broker
from watchword.kafka import Heartbeat, Kafka
from watchword.kafka.topic import TopicMissing, open_topic

SCRIPT = Path(__file__).parent.parent.parent / "docs" / "events" / "acls.sh"
USERS = ("watchword-identity", "watchword-token", "watchword-policy", "siem", "stranger")
READS = {
    "watchword-identity": {"identity", "token"},
    "watchword-token": {"token", "identity"},
    "watchword-policy": {"policy", "identity", "token"},
    "siem": {"identity", "token", "policy"},
    "stranger": set[str](),
}
WRITES = {f"watchword-{name}": {name} for name in SERVICES} | {"siem": set[str](), "stranger": set[str]()}
OPERATIONS = {"Read": 3, "Write": 4, "Describe": 8, "DescribeConfigs": 10}
TOPIC, LITERAL, ALLOW = 2, 3, 3
RECORDER = """#!/bin/sh
printf '%s\\n' "${{0##*/}}" "$@" "" >>'{told}'
"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A broker behind SASL, with the topics and the ACLs that the script makes, and no others."""
    directory = tmp_path_factory.mktemp("guarded")
    inside = free_address()
    with own_broker(directory / "data", behind_sasl(str(inside))) as broker:
        asyncio.run(obey(broker, told_by_the_script(directory, broker.bootstrap)))
        yield Kafka(str(inside), "sasl_plaintext", mechanism="PLAIN")


def behind_sasl(address: str) -> dict[str, str]:
    """Who comes through the other listener without a name may do everything: the controller, and this test."""
    users = " ".join(f'user_{name}="password of {name}"' for name in USERS)
    return {
        "listeners": f"{{listeners}},SASL://{address}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl.plain.sasl.jaas.config": (
            f"org.apache.kafka.common.security.plain.PlainLoginModule required {users};"
        ),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }


def told_by_the_script(directory: Path, bootstrap: str) -> list[argparse.Namespace]:
    """What the script tells Kafka's own programs, in whose place one only takes notes."""
    told = directory / "told"
    for name in ("kafka-topics.sh", "kafka-acls.sh"):
        (directory / name).write_text(RECORDER.format(told=told))
        (directory / name).chmod(0o755)
    env = {"PATH": f"{directory}:{os.environ['PATH']}", "BOOTSTRAP": bootstrap, "REPLICAS": "1", "IN_SYNC": "1"}
    subprocess.run(["sh", str(SCRIPT)], env=env, check=True)
    return [understood(*one.splitlines()) for one in told.read_text().removesuffix("\n\n").split("\n\n")]


def understood(program: str, *arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False, allow_abbrev=False)
    parser.add_argument("--bootstrap-server", required=True)
    parser.add_argument("--topic", required=True)
    if program == "kafka-topics.sh":
        parser.add_argument("--create", action="store_true", required=True)
        parser.add_argument("--if-not-exists", action="store_true")
        parser.add_argument("--partitions", type=int)
        parser.add_argument("--replication-factor", type=int)
        parser.add_argument("--config", action="append")
    else:
        parser.add_argument("--add", action="store_true", required=True)
        parser.add_argument("--allow-principal", required=True)
        parser.add_argument("--operation", action="append")
    return parser.parse_args(arguments)


async def obey(broker: OwnBroker, told: list[argparse.Namespace]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        for one in told:
            await (_allow(admin, one) if "operation" in one else _make(admin, one))
    finally:
        await admin.close()


async def _make(admin: AIOKafkaAdminClient, one: argparse.Namespace) -> None:
    config = dict(each.split("=", 1) for each in one.config)
    topic = NewTopic(one.topic, one.partitions, one.replication_factor, topic_configs=config)
    answer = (await admin.create_topics([topic])).to_object()
    assert answer["topic_errors"][0]["error_code"] == 0, answer


async def _allow(admin: AIOKafkaAdminClient, one: argparse.Namespace) -> None:
    for operation in one.operation:
        wanted = (TOPIC, one.topic, LITERAL, one.allow_principal, "*", OPERATIONS[operation], ALLOW)
        answer = (await admin._send_request(CreateAclsRequest(*wanted))).to_object()
        assert answer["creation_responses"][0]["error_code"] == 0, answer


def as_user(kafka: Kafka, name: str) -> Kafka:
    return replace(kafka, username=name, password=f"password of {name}")


async def publish(kafka: Kafka, name: str) -> None:
    """As the relay does: it looks at its topic, and writes with an idempotent producer."""
    await prepare(kafka, name, create=False)
    async with publisher(kafka, name, "0b8b9a6e-43a1-4f7e-9a51-57c1f0f6d2a4", lambda: None) as topic:
        await topic.heartbeat(Head(0, bytes(32), time.time_ns() // 1000))


async def may_read(kafka: Kafka, name: str) -> bool:
    try:
        async with open_topic(kafka, name) as topic:
            newest: Any = await topic.last()
    except (TopicMissing, TopicAuthorizationFailedError):
        return False
    assert isinstance(newest.what, Heartbeat)
    return True


async def may_write(kafka: Kafka, name: str) -> bool:
    async with AIOKafkaProducer(**kafka.client()) as producer:
        try:
            await producer.send_and_wait(kafka.topic(name), b"{}")
        except TopicAuthorizationFailedError:
            return False
    return True


async def test_each_relay_publishes_its_own_log(guarded: Kafka) -> None:
    for name in SERVICES:
        await publish(as_user(guarded, f"watchword-{name}"), name)


@pytest.mark.parametrize("user", USERS)
async def test_each_reads_and_writes_what_it_should_and_nothing_else(guarded: Kafka, user: str) -> None:
    for name in SERVICES:
        await publish(as_user(guarded, f"watchword-{name}"), name)
    kafka = as_user(guarded, user)
    assert {name for name in SERVICES if await may_read(kafka, name)} == READS[user]
    assert {name for name in SERVICES if await may_write(kafka, name)} == WRITES[user]


@pytest.mark.parametrize(("user", "code", "said"), [("siem", 0, ""), ("stranger", 1, "there is no topic")])
def test_tail_reads_as_whom_the_environment_says(guarded: Kafka, user: str, code: int, said: str) -> None:
    asyncio.run(publish(as_user(guarded, "watchword-token"), "token"))
    opening = {"SECURITY": "sasl_plaintext", "SASL": "PLAIN", "USERNAME": user, "PASSWORD": f"password of {user}"}
    env = {f"WATCHWORD_KAFKA_{name}": value for name, value in opening.items()}
    result = CliRunner(env=env).invoke(app, ["events", "tail", "token", "--broker", guarded.servers])
    assert (result.exit_code, result.stdout) == (code, "")
    assert said in result.stderr
