"""Every version of an event that policy ever wrote loads for ever. Lines are added to the file, never changed."""

from pathlib import Path

import msgspec
import pytest

from eventlog.events import encode
from services.policy.domain.roles import policy_events

LINES = [msgspec.json.decode(line) for line in Path(__file__).with_name("policy.jsonl").read_bytes().splitlines()]
WRITTEN_NOW = {event.type for event in policy_events.types}


@pytest.mark.parametrize("line", LINES, ids=lambda line: line["type"])
def test_what_was_written_loads_and_what_is_written_now_is_the_same(line: dict[str, object]) -> None:
    event = policy_events.decode(str(line["type"]), msgspec.json.encode(line["body"]))
    assert event is not None
    if line["type"] in WRITTEN_NOW:
        assert msgspec.json.decode(encode(event)[0]) == line["body"]


def test_every_event_that_is_written_now_has_a_line() -> None:
    assert {line["type"] for line in LINES} >= WRITTEN_NOW
