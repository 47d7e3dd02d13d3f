"""A log's records in Kafka (RULES 5)."""

import uuid
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.kafka import BadRecord, Heartbeat, Kafka, Record, headers_of, heartbeat_headers, parse

LOG = str(uuid.UUID(int=7))
EVENT = Record(
    log_id=LOG,
    service="token",
    position=42,
    stream="family/f1",
    version=3,
    type="watchword.token.refresh.rotated.v1",
    time=1_700_000_000_000_001,
    command_id="c-1",
    actor="acc_1",
    correlation_id="k-1",
    body=b'{"family_id":"f1"}',
    sealed_hash=b"",
    chain_hash=bytes(range(32)),
)
BEAT = Heartbeat(log_id=LOG, service="token", position=42, time=1_700_000_001_000_000, chain_hash=bytes(32))


def test_headers_are_cloudevents_in_the_binary_binding() -> None:
    headers = dict(headers_of(EVENT, "00-" + "a" * 32 + "-" + "b" * 16 + "-01"))
    assert {name: value.decode() for name, value in headers.items()} == {
        "ce_specversion": "1.0",
        "ce_id": "42",
        "ce_source": f"urn:watchword:{LOG}:token",
        "ce_type": "watchword.token.refresh.rotated.v1",
        "ce_time": "2023-11-14T22:13:20.000001Z",
        "ce_subject": "family/f1",
        "ce_position": "42",
        "ce_streamversion": "3",
        "ce_commandid": "c-1",
        "ce_actor": "acc_1",
        "ce_correlationid": "k-1",
        "ce_sealedhash": "",
        "ce_chainhash": bytes(range(32)).hex(),
        "content-type": "application/json",
        "traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01",
    }


def test_a_heartbeat_takes_no_position_and_no_id_of_an_event() -> None:
    headers = dict(heartbeat_headers(BEAT))
    assert headers["ce_type"] == b"watchword.heartbeat.v1"
    assert headers["ce_position"] == b"42"
    assert headers["ce_id"] != b"42"
    assert parse(None, b"{}", list(headers.items())) == BEAT


@given(
    st.builds(
        Record,
        log_id=st.just(LOG),
        service=st.sampled_from(["identity", "token", "policy"]),
        position=st.integers(1, 2**53),
        stream=st.text(min_size=1),
        version=st.integers(1, 2**53),
        type=st.text(min_size=1),
        time=st.integers(0, 4_000_000_000_000_000),
        command_id=st.text(),
        actor=st.text(),
        correlation_id=st.text(),
        body=st.binary(),
        sealed_hash=st.one_of(st.just(b""), st.binary(min_size=32, max_size=32)),
        chain_hash=st.binary(min_size=32, max_size=32),
    )
)
def test_what_is_written_is_read(record: Record) -> None:
    assert parse(record.stream.encode(), record.body, headers_of(record)) == record


@pytest.mark.parametrize("name", [name for name, _ in headers_of(EVENT)])
def test_a_record_without_one_of_its_headers_is_refused(name: str) -> None:
    headers = [header for header in headers_of(EVENT) if header[0] != name]
    with pytest.raises(BadRecord):
        parse(b"family/f1", EVENT.body, headers)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_specversion", b"0.3"),
        ("ce_id", b"43"),
        ("ce_source", b"urn:watchword:token"),
        ("ce_time", b"2023-11-14T22:13:20Z"),
        ("ce_time", b"2023-13-14T22:13:20.000001Z"),
        ("ce_time", b"1969-12-31T23:59:59.999999Z"),
        ("ce_subject", b"family/f2"),
        ("ce_subject", b"\xff"),
        ("ce_position", b"042"),
        ("ce_position", b"-1"),
        ("ce_position", b"99999999999999999999"),
        ("ce_streamversion", b"three"),
        ("ce_chainhash", b"AB" * 32),
        ("ce_chainhash", b""),
        ("ce_sealedhash", b"00"),
        ("content-type", b"application/cloudevents+json"),
    ],
)
def test_a_record_that_no_relay_writes_is_refused(name: str, value: bytes) -> None:
    headers = [(known, value if known == name else old) for known, old in headers_of(EVENT)]
    with pytest.raises(BadRecord):
        parse(b"family/f1", EVENT.body, headers)


def test_a_header_that_stands_twice_is_refused() -> None:
    with pytest.raises(BadRecord):
        parse(b"family/f1", EVENT.body, [*headers_of(EVENT), ("ce_actor", b"acc_2")])


def test_position_zero_is_of_no_event() -> None:
    nothing = msgspec.structs.replace(EVENT, position=0)
    with pytest.raises(BadRecord):
        parse(b"family/f1", EVENT.body, headers_of(nothing))


def test_the_password_of_a_cluster_is_never_printed() -> None:
    kafka = Kafka("h:1", security="sasl_ssl", mechanism="PLAIN", username="u", password="geheim")
    assert "geheim" not in repr(kafka)


@pytest.mark.parametrize(
    "kafka",
    [
        Kafka("h:1", security="sasl_ssl"),
        Kafka("h:1", security="sasl_plaintext", mechanism="PLAIN", username="u"),
        Kafka("h:1", mechanism="PLAIN", username="u", password="p"),
        Kafka("h:1", ca=Path("ca.pem")),
        Kafka("h:1", security="ssl", cert=Path("a.pem")),
    ],
)
def test_what_does_not_fit_together_is_said(kafka: Kafka) -> None:
    assert kafka.wrong()
