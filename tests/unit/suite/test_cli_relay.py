"""`watchword relay` and the relay in `watchword status`: who publishes, how far, what hinders it, and what to do."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration

from suite.commands import relay, status
from tests.unit.suite.small_suite import Small, small_suite
from watchword.log.v1.log_pb2 import Relay


def level() -> Relay:
    brief = Duration(nanos=500_000_000)
    return Relay(topic="t.token.events.v1", holder="7f3a", position=9, head=9, lag=brief, seen_age=brief)


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Small]:
    monkeypatch.setattr(status, "SETTLES", 0.3)
    monkeypatch.setattr(relay, "PAUSE", 0.01)
    with small_suite(tmp_path) as small:
        yield small


def test_where_there_is_no_kafka_there_is_no_relay_and_no_trouble(suite: Small) -> None:
    assert suite.json("relay", "status") == []
    assert "watchword up --kafka" in suite.watchword("relay", "status").stdout
    assert [one["relay"] for one in suite.json("status")["services"]] == [None, None, None]
    assert "no_kafka" in suite.watchword("relay", "republish", "token", "--from", "1").stderr


def test_a_relay_that_is_level_is_shown_and_no_trouble(suite: Small) -> None:
    suite.relays["token"].shown = level()
    shown = {
        "topic": "t.token.events.v1",
        "holder": "7f3a",
        "position": 9,
        "head": 9,
        "lag_seconds": 0.5,
        "seen_seconds": 0.5,
        "trouble": "",
        "detail": "",
        "republish_from": None,
    }
    assert suite.json("relay", "status") == [{"service": "token"} | shown]
    found = suite.json("status")
    assert found["ok"] is True
    assert found["services"][1]["relay"] == shown
    assert "t.token.events.v1" in suite.watchword("status").stdout


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Relay(trouble="topic_missing", detail="make it"), "relay: topic_missing: make it"),
        (Relay(seen_age=Duration(seconds=9)), "no process of the service publishes its log; last seen 9.0 s ago"),
        (Relay(head=20, lag=Duration(seconds=8)), "9 of 20 are in t.token.events.v1; that all are was last said 8.0 s"),
    ],
)
def test_a_relay_that_does_not_publish_is_trouble_with_its_reason(suite: Small, change: Relay, said: str) -> None:
    shown = level()
    for name in ("lag", "seen_age"):
        if change.HasField(name):
            shown.ClearField(name)
    shown.MergeFrom(change)
    suite.relays["token"].shown = shown
    found = suite.json("status", code=1)
    assert any(said in line for line in found["services"][1]["trouble"])
    result = suite.watchword("relay", "status")
    assert result.exit_code == 1
    assert said in " ".join(result.stdout.split())


def test_a_relay_that_nobody_holds_is_trouble(suite: Small) -> None:
    suite.relays["token"].shown = level()
    suite.relays["token"].shown.holder = ""
    assert "no process of the service publishes" in suite.json("status", code=1)["services"][1]["trouble"][0]


def test_republishing_waits_until_the_log_is_in_the_topic_again(suite: Small) -> None:
    suite.relays["token"].shown = level()
    result = suite.watchword("relay", "republish", "token", "--from", "3")
    assert result.exit_code == 0, result.output
    assert "token's log is in t.token.events.v1 again, from 3 to 9." in result.stdout
    assert suite.relays["token"].wishes == [3]
    assert suite.json("relay", "republish", "token", "--from", "1")["position"] == 9
    assert suite.watchword("relay", "republish", "token", "--from", "0").exit_code == 2
    assert "is no service" in suite.watchword("relay", "republish", "tokens", "--from", "1").stderr
