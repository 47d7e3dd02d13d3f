"""Who reads the topic believes what the services believe: the same revocations from the same events (RULES 7)."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chassis.trust import fold_trust, token_events
from eventlog.events import Recorded
from watchword.folding import Unreadable, fold

GOLDEN = Path(__file__).parents[2] / "golden" / "token.jsonl"
LINES: list[dict[str, Any]] = [msgspec.json.decode(line) for line in GOLDEN.read_bytes().splitlines()]


def row(type_: str, body: bytes) -> Recorded:
    return Recorded(
        position=7,
        stream="any/1",
        version=1,
        type=type_,
        time=1_000_000,
        command_id="c",
        actor="a",
        correlation_id="r",
        body=body,
    )


def the_services_believe(event: Recorded) -> list[dict[str, Any]]:
    decoded = token_events.decode(event.type, event.body)
    changes = () if decoded is None else fold_trust(decoded, event)
    return [getattr(change, "value", {}) for change in changes if getattr(change, "kind", "") == "revocation"]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line["type"])
def test_every_event_that_was_ever_written_means_the_same_to_the_sdk_as_to_the_services(line: dict[str, Any]) -> None:
    event = row(line["type"], msgspec.json.encode(line["body"]))
    found = fold(event)
    assert ([] if found is None else [asdict(found)]) == the_services_believe(event)


def test_every_kind_of_revocation_was_among_them() -> None:
    found = [fold(row(line["type"], msgspec.json.encode(line["body"]))) for line in LINES]
    assert {one.kind for one in found if one} == {"token", "family", "session", "client", "subject", "key"}


def test_a_revocation_is_remembered_for_the_longest_life_and_skew() -> None:
    found = fold(row("watchword.token.session.revoked.v1", b'{"session_id":"ses_1","reason":"x"}'))
    assert found is not None
    assert found.forget_at_us - found.time_us == 3_660_000_000


def test_a_refresh_key_that_leaked_refuses_no_access_token() -> None:
    assert fold(row("watchword.token.key.compromised.v1", b'{"key_id":"k","purpose":"refresh"}')) is None


@pytest.mark.parametrize(
    ("type_", "body"),
    [
        ("watchword.token.session.revoked.v2", b'{"session_id":"ses_1","reason":"x"}'),
        ("watchword.token.session.revoked.v1", b"{}"),
        ("watchword.token.session.revoked.v1", b'{"session_id":1}'),
        ("watchword.token.session.revoked.v1", b"no JSON"),
        ("watchword.token.subject.revoked.v1", b'{"subject":"acc_1","before_session_position":"7"}'),
        ("watchword.token.key.compromised.v1", b'{"key_id":"k"}'),
    ],
)
def test_what_may_be_a_revocation_and_cannot_be_read_is_never_guessed(type_: str, body: bytes) -> None:
    with pytest.raises(Unreadable):
        fold(row(type_, body))


@pytest.mark.parametrize("type_", ["watchword.token.token.issued.v9", "watchword.policy.session.revoked.v1", "other"])
def test_what_revokes_nothing_needs_no_reading(type_: str) -> None:
    assert fold(row(type_, b"no JSON")) is None
