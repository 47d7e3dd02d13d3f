"""The broker from packages is a real Apache Kafka; it loses nothing that it acknowledged, and is nobody else's."""

import stat

import pytest
from aiokafka import AIOKafkaClient

from suite.kafka.broker import answers
from suite.kafka.choice import controller
from suite.ports import Address
from tests.harness.kafka import Broker, OwnBroker, free_address
from tests.harness.topics import create, publish, read, topics


async def test_what_an_idempotent_producer_publishes_is_read_back_in_order(kafka: Broker, kafka_topics: str) -> None:
    values = [str(number).encode() for number in range(100)]
    await create(kafka.bootstrap, topic := f"{kafka_topics}.round-trip")
    assert await publish(kafka.bootstrap, topic, *values) == list(range(100))
    assert await read(kafka.bootstrap, topic, 100) == values


@pytest.mark.parametrize("ended_by", ["stop", "kill"])
async def test_what_was_acknowledged_outlives_a_restart(own_kafka: OwnBroker, ended_by: str) -> None:
    await create(own_kafka.bootstrap, "kept")
    await publish(own_kafka.bootstrap, "kept", b"before")
    getattr(own_kafka, ended_by)()
    own_kafka.start()
    await publish(own_kafka.bootstrap, "kept", b"after")
    assert await read(own_kafka.bootstrap, "kept", 2) == [b"before", b"after"]


async def test_one_that_only_its_account_reaches_is_frozen_thawed_and_replaced_by_an_empty_one(
    own_kafka: OwnBroker,
) -> None:
    assert_closed(own_kafka)
    await create(own_kafka.bootstrap, "lost")
    own_kafka.freeze()
    assert not answers(own_kafka.address)
    own_kafka.thaw()
    own_kafka.wait()
    assert await topics(own_kafka.bootstrap) == {"lost"}
    own_kafka.replace_by_empty()
    assert await topics(own_kafka.bootstrap) == set()


def assert_closed(broker: OwnBroker) -> None:
    """It listens on loopback, at two ports only; nobody but its account, which is not root, sees its files."""
    listening = {one.laddr for one in broker.process.net_connections("tcp") if one.status == "LISTEN"}
    assert {(ip.removeprefix("::ffff:"), port) for ip, port in listening} == {
        ("127.0.0.1", broker.address.port),
        ("127.0.0.1", controller(broker.address).port),
    }
    about = (broker.data / "kafka").stat()
    assert stat.S_IMODE(about.st_mode) == 0o700
    assert about.st_uid == broker.process.uids().effective != 0


async def test_no_topic_comes_from_asking_for_it(kafka: Broker, kafka_topics: str) -> None:
    client = AIOKafkaClient(bootstrap_servers=kafka.bootstrap)
    await client.bootstrap()
    try:
        await client.add_topic(kafka_topics)
        assert kafka_topics not in await topics(kafka.bootstrap)
    finally:
        await client.close()


def test_nobody_answers_where_nobody_listens() -> None:
    assert not answers(free_address())
    assert not answers(Address("127.0.0.1", 1))
