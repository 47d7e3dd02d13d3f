"""What operators are told of a relay, and what they are told to run (RULES 5)."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from eventlog.errors import Kind, Refusal
from eventlog.relay import RelayFeed, Status
from eventlog.relay.topic import creating, not_authorized
from watchword.kafka import Kafka
from watchword.log.v1 import log_pb2

STANDS = Status(True, "7f3a", 7, 9, 1.25, None, "topic_missing", "make it", 3)


@dataclass
class Standing:
    """A relay that stands as it is told to."""

    state: Status = STANDS
    topic: str = "watchword.token.events.v1"
    wishes: list[int] = field(default_factory=list)

    async def status(self) -> Status:
        return self.state

    async def republish(self, first: int) -> None:
        self.wishes.append(first)


async def anybody(context: Any) -> None:
    return None


async def nobody(context: Any) -> None:
    raise Refusal(Kind.FORBIDDEN, "not_an_administrator", "only administrators")


async def test_a_relay_is_told_as_it_stands() -> None:
    told = (await RelayFeed(Standing(), anybody).GetRelay(log_pb2.GetRelayRequest(), None)).relay
    assert (told.topic, told.holder, told.position, told.head) == ("watchword.token.events.v1", "7f3a", 7, 9)
    assert (told.lag.ToMicroseconds(), told.HasField("seen_age")) == (1_250_000, False)
    assert (told.trouble, told.detail, told.republish_from) == ("topic_missing", "make it", 3)


async def test_a_service_without_kafka_has_no_relay_and_republishes_nothing() -> None:
    feed = RelayFeed(None, anybody)
    assert not (await feed.GetRelay(log_pb2.GetRelayRequest(), None)).HasField("relay")
    with pytest.raises(Refusal, match="no_kafka"):
        await feed.Republish(log_pb2.RepublishRequest(from_position=1), None)


async def test_only_administrators_look_at_it_or_have_it_republish() -> None:
    relay = Standing()
    feed = RelayFeed(relay, nobody)
    with pytest.raises(Refusal, match="not_an_administrator"):
        await feed.GetRelay(log_pb2.GetRelayRequest(), None)
    with pytest.raises(Refusal, match="not_an_administrator"):
        await feed.Republish(log_pb2.RepublishRequest(from_position=1), None)
    assert relay.wishes == []
    await RelayFeed(relay, anybody).Republish(log_pb2.RepublishRequest(from_position=5), None)
    assert relay.wishes == [5]


def test_the_line_that_makes_the_topic_can_be_run_as_it_stands() -> None:
    assert creating(Kafka("k:9092"), "t") == (
        "kafka-topics.sh --bootstrap-server k:9092 --create --topic t --partitions 1 --config cleanup.policy=delete "
        "--config retention.ms=604800000 --config max.message.bytes=8388608"
    )


@pytest.mark.parametrize(
    ("kafka", "principal", "opened"),
    [
        (Kafka("k:9092"), "User:ANONYMOUS ", "k:9092 --add"),
        (
            Kafka("k:9092", "sasl_ssl", mechanism="PLAIN", username="watchword-token", password="hunter2"),
            "User:watchword-token ",
            "k:9092 --command-config admin.properties --add",
        ),
        (Kafka("k:9092", "ssl", cert=Path("c"), key=Path("k")), "the subject of its certificate", "admin.properties"),
    ],
)
def test_a_missing_right_is_named_for_whom_the_relay_is(kafka: Kafka, principal: str, opened: str) -> None:
    detail = not_authorized(kafka, "t", "to show").detail
    assert principal in detail
    assert opened in detail
    assert "hunter2" not in detail
