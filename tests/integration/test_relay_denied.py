"""A cluster that does not let the relay in, or not do what it must: the trouble says which right is missing."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.protocol.admin import CreateAclsRequest

from tests.harness.database import Database
from tests.harness.kafka import free_address, own_broker
from tests.harness.relaying import House, house
from tests.integration.test_kafka_acls import as_user, behind_sasl
from watchword.kafka import Kafka

USER = "watchword-token"
OPERATIONS = {"Read": 3, "Write": 4, "Describe": 8, "DescribeConfigs": 10}
TOPIC, LITERAL, ALLOW = 2, 3, 3


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kafka, str]]:
    """A broker that allows nobody anything, and the door through which everything is allowed."""
    inside = free_address()
    with own_broker(tmp_path_factory.mktemp("denying") / "data", behind_sasl(str(inside))) as broker:
        yield as_user(Kafka(str(inside), "sasl_plaintext", mechanism="PLAIN"), USER), broker.bootstrap


@pytest.fixture
async def home(database: Database, guarded: tuple[Kafka, str], kafka_topics: str) -> AsyncIterator[House]:
    async with house(database, "", kafka_topics) as made:
        made.kafka = replace(guarded[0], topics=kafka_topics)
        await made.append(1)
        yield made


async def allow(admin: AIOKafkaAdminClient, topic: str, operation: str) -> None:
    wanted = (TOPIC, topic, LITERAL, f"User:{USER}", "*", OPERATIONS[operation], ALLOW)
    answer = (await admin._send_request(CreateAclsRequest(*wanted))).to_object()
    assert answer["creation_responses"][0]["error_code"] == 0, answer


async def test_each_right_that_is_missing_is_named_until_it_is_given(home: House, guarded: tuple[Kafka, str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=guarded[1])
    await admin.start()
    try:
        async with home.relaying() as relay:
            denied = await home.shows(relay, lambda one: one.trouble == "topic_not_authorized")
            assert f"--add --allow-principal User:{USER} --operation Write --operation Read" in denied.detail
            assert denied.detail.endswith(f"--operation DescribeConfigs --topic {home.topic}")
            assert "password" not in denied.detail
            await allow(admin, home.topic, "Describe")
            await home.shows(relay, lambda one: one.trouble == "topic_missing")
            await admin.create_topics([NewTopic(home.topic, 1, 1)])
            await home.shows(relay, lambda one: "to tell the configuration of" in one.detail)
            await allow(admin, home.topic, "DescribeConfigs")
            await home.shows(relay, lambda one: "to write or read" in one.detail)
            await allow(admin, home.topic, "Read")
            await allow(admin, home.topic, "Write")
            await home.level(relay)
    finally:
        await admin.close()


async def test_a_wrong_password_is_said_as_such(home: House) -> None:
    home.kafka = replace(home.kafka, password="not a secret that opens anything")
    async with home.relaying() as relay:
        status = await home.shows(relay, lambda one: one.trouble == "kafka_lost")
    assert "Authentication" in status.detail
    assert "not a secret" not in status.detail
