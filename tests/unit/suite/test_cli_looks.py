"""`status`, `projections` and `events tail` show what is, and fail where something is wrong."""

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from google.protobuf.duration_pb2 import Duration

from suite.commands import status
from tests.harness.running import until
from tests.unit.suite.small_suite import Small, small_suite
from watchword.log.v1.log_pb2 import Projection

LEVEL = Projection(name="trust@memory", log="token", applied=5, head=5, lag=Duration(nanos=1_000_000))


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Small]:
    monkeypatch.setattr(status, "SETTLES", 0.3)
    with small_suite(tmp_path) as small:
        yield small


def trouble(suite: Small) -> list[str]:
    found = suite.json("status", code=1)
    assert found["ok"] is False
    return [line for one in found["services"] for line in one["trouble"]]


def test_a_suite_in_which_all_is_well_has_no_trouble(suite: Small) -> None:
    table = Projection(name="reaction", log="identity", applied=3, head=3)
    over_kafka = Projection()
    over_kafka.CopyFrom(LEVEL)
    over_kafka.via = "kafka"
    suite.projections["policy"].shown += [over_kafka, table]
    found = suite.json("status")
    assert found["ok"] is True
    assert [(one["service"], one["reachable"], one["ready"]) for one in found["services"]] == [
        ("identity", True, True),
        ("token", True, True),
        ("policy", True, True),
    ]
    assert found["services"][2]["projections"][0] == {
        "name": "trust@memory",
        "log": "token",
        "applied": 5,
        "head": 5,
        "lag_seconds": 0.001,
        "parked_events": 0,
        "parked_streams": [],
        "via": "kafka",
        "trouble": "",
        "noticed": {},
    }
    assert suite.watchword("status").exit_code == 0


def test_a_topic_that_is_not_read_is_trouble_and_what_was_wrong_in_it_is_a_note(suite: Small) -> None:
    noticed = {"record_foreign": 2}
    lost = Projection(name="t", log="token", applied=3, head=3, via="feed", trouble="topic_lost", noticed=noticed)
    suite.projections["policy"].shown += [lost]
    assert trouble(suite) == ["t: topic_lost (served over feed)"]
    lost.trouble = ""
    found = suite.json("status")
    assert found["services"][2]["notes"] == ["t: record_foreign of token's topic, 2 since it started"]
    assert "record_foreign of token's topic" in suite.watchword("status").stdout


def test_a_service_that_is_not_ready_is_trouble_with_its_reason(suite: Small) -> None:
    suite.unready["token"] = "no connection"
    assert trouble(suite) == ["not ready: database: no connection"]
    assert "token: not ready: database: no connection" in suite.watchword("status").stdout


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Projection(parked_events=2, parked_streams=["account/acc_1"]), "parked account/acc_1"),
        (Projection(applied=4), "not level with token's log (4 of 5)"),
        (Projection(lag=Duration(seconds=9)), "last level with token's log 9.0 s ago"),
    ],
)
def test_a_projection_that_is_parked_behind_or_stale_is_trouble(suite: Small, change: Projection, said: str) -> None:
    shown = Projection()
    shown.CopyFrom(LEVEL)
    if change.HasField("lag"):
        shown.ClearField("lag")
    shown.MergeFrom(change)
    suite.projections["identity"].shown.append(shown)
    # On a busy machine another service may not answer in time: that is trouble, too, and passes.
    (line,) = until(lambda: lines if len(lines := trouble(suite)) == 1 else [], "one trouble is left")
    assert said in line


def test_a_stopped_suite_is_trouble_three_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "SETTLES", 0.3)
    with small_suite(tmp_path) as small:
        pass
    found = small.json("status", code=1)
    assert [one["reachable"] for one in found["services"]] == [False, False, False]


def test_projections_are_listed_retried_and_rebuilt_by_service_and_name(suite: Small) -> None:
    suite.projections["token"].shown.append(LEVEL)
    assert [(one["service"], one["name"]) for one in suite.json("projections", "list")] == [("token", "trust@memory")]
    assert suite.json("projections", "rebuild", "token", "trust@memory") == {"applied": 5}
    assert suite.json("projections", "retry", "token", "trust@memory") == {"applied_events": 1, "parked_events": 0}
    unknown = suite.watchword("projections", "retry", "token", "none")
    assert "projection_unknown" in unknown.stderr
    assert "projections list" in unknown.stderr
    assert "is no service" in suite.watchword("projections", "retry", "tokens", "none").stderr


def test_retrying_fails_where_something_is_still_parked(suite: Small) -> None:
    suite.projections["token"].shown.append(Projection(name="trust", parked_events=1))
    assert suite.json("projections", "retry", "token", "trust", code=1)["parked_events"] == 1


def tail(suite: Small, *arguments: str) -> list[tuple[str, int]]:
    result = suite.watchword("events", "tail", *arguments, "--json")
    assert result.exit_code == 0, result.output
    return [(one["log"], one["position"]) for one in map(json.loads, result.stdout.splitlines())]


def test_tail_shows_the_last_events_of_one_log_or_all_by_time(suite: Small) -> None:
    suite.append("token", "client/a", "client.registered", "client.revoked")
    suite.append("identity", "account/a", "account.registered")
    suite.append("token", "client/b", "client.registered")
    assert tail(suite) == [("token", 1), ("token", 2), ("identity", 1), ("token", 3)]
    assert tail(suite, "token", "-n", "2") == [("token", 2), ("token", 3)]
    assert tail(suite, "token", "--from", "3") == [("token", 3)]
    assert tail(suite, "token", "--from", "9") == []
    assert tail(suite, "policy") == []
    assert "has no log" in suite.watchword("events", "tail", "tokens").stderr


def test_tail_shows_people_the_event_its_stream_and_its_actor(suite: Small) -> None:
    suite.append("token", "client/a", "client.registered")
    line = suite.watchword("events", "tail", "token").stdout
    assert "client.registered" in line
    assert "client/a by operator/admin" in line
    assert '{"n":1}' in line


@pytest.mark.parametrize("first", ["1", "3"])
def test_tail_stops_at_a_row_that_does_not_continue_the_chain(suite: Small, first: str) -> None:
    suite.append("token", "client/a", "client.registered", "client.revoked", "client.revoked")
    rows = suite.stores["token"].rows
    rows[2] = msgspec.structs.replace(rows[2], body=b'{"n":2}')
    result = suite.watchword("events", "tail", "token", "--from", first)
    assert result.exit_code == 1
    assert "position 3 of token's log does not fit" in result.stderr
