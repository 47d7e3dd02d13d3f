"""What `--kafka` names, and what of it is refused before anything starts."""

import pytest

from suite.errors import Halt
from suite.fleet import Fleet
from suite.kafka.choice import Kafka
from suite.ports import Address, refuse_shared


@pytest.mark.parametrize(
    ("text", "brokers", "embedded"),
    [
        ("embedded", "127.0.0.1:19092", True),
        ("embedded:29092", "127.0.0.1:29092", True),
        ("kafka-1:9092,[::1]:9093", "kafka-1:9092,[::1]:9093", False),
        ("kafka-1:9092, kafka-2:9092", "kafka-1:9092,kafka-2:9092", False),
    ],
)
def test_it_is_a_broker_of_ours_or_those_that_are_named(text: str, brokers: str, embedded: bool) -> None:
    kafka = Kafka.parse(text)
    assert (str(kafka), kafka.embedded, kafka.topics) == (brokers, embedded, "watchword")
    assert bool(kafka.listeners()) is embedded


@pytest.mark.parametrize(
    "text",
    ["", "embedded:", "embedded:0", "embedded:65535", "embedded:x", "kafka", "kafka:1,", ":1", "http://kafka:1/"],
)
def test_what_is_neither_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Halt, match="neither brokers nor `embedded`; such as embedded, embedded:19092 or"):
        Kafka.parse(text)


@pytest.mark.parametrize("topics", ["", ".", "a b", "ä", "a/b", "x" * 101])
def test_a_prefix_that_kafka_or_a_service_would_refuse_is_refused(topics: str) -> None:
    with pytest.raises(Halt, match="--kafka-topics"):
        Kafka.parse("embedded", topics)


def test_a_broker_on_a_services_port_is_refused_by_both_options() -> None:
    ours = [*Fleet().listeners(), *Kafka.parse("embedded:8400").listeners()]
    with pytest.raises(Halt, match=r"--identity-rest 127\.0\.0\.1:8401 and --kafka embedded:PORT 127\.0\.0\.1:8401"):
        refuse_shared(ours)


def test_two_suites_have_room_beside_each_other() -> None:
    one, other = Kafka.parse("embedded"), Kafka.parse("embedded:19094")
    refuse_shared([*one.listeners(), *other.listeners()])
    assert [address for _, address in other.listeners()] == [Address("127.0.0.1", port) for port in (19_094, 19_095)]
