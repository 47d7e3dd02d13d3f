"""A topic's records, as a relay writes them, are what docs/events says; what is not so shows."""

import re
from typing import Any

import msgspec
import pytest
from jsonschema import ValidationError

from tests.harness.described import fits
from watchword.kafka import Heartbeat, Kafka, Record, headers_of, heartbeat_headers

LOG_ID = "0b8b9a6e-43a1-4f7e-9a51-57c1f0f6d2a4"
TOPIC = Kafka("").topic("token")
RECORD = Record(
    log_id=LOG_ID,
    service="token",
    position=7,
    stream="client/app",
    version=2,
    type="watchword.token.client.revoked.v1",
    time=1_700_000_000_000_001,
    command_id="0123456789abcdef",
    actor="acc_1",
    correlation_id="a-request",
    body=b'{"client_id":"app","reason":"stolen"}',
    sealed_hash=bytes(32),
    chain_hash=bytes(range(32)),
)
BEAT = Heartbeat(log_id=LOG_ID, service="token", position=7, time=1_700_000_001_000_000, chain_hash=bytes(range(32)))
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def shown(record: Record, trace: str | None = None) -> tuple[str, bytes, bytes, dict[str, bytes]]:
    return TOPIC, record.stream.encode(), record.body, dict(headers_of(record, trace))


@pytest.mark.parametrize("trace", [None, TRACE])
def test_an_event_is_as_described(trace: str | None) -> None:
    fits(*shown(RECORD, trace))
    fits(*shown(msgspec.structs.replace(RECORD, sealed_hash=b""), trace))


def test_a_heartbeat_is_as_described() -> None:
    fits(TOPIC, None, b"{}", dict(heartbeat_headers(BEAT)))


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"type": "watchword.token.client.painted.v1"}, "client.painted"),
        ({"type": "watchword.identity.account.disabled.v1"}, "account.disabled"),
        ({"body": b'{"client_id":"app"}'}, "'reason' is a required property"),
        ({"body": b'{"client_id":"app","reason":"stolen","secret":"x"}'}, "fields besides"),
        ({"chain_hash": b"short"}, "73686f7274"),
        ({"log_id": "none"}, "urn:watchword:none:token"),
    ],
)
def test_what_is_not_as_described_shows(changed: dict[str, Any], complaint: str) -> None:
    with pytest.raises((AssertionError, ValidationError), match=re.escape(complaint)):
        fits(*shown(msgspec.structs.replace(RECORD, **changed)))


def test_a_header_besides_shows() -> None:
    topic, key, value, headers = shown(RECORD)
    with pytest.raises(AssertionError, match="headers besides"):
        fits(topic, key, value, headers | {"ce_secret": b"x"})
