"""Every version of an event that identity ever wrote loads for ever. Lines are added to the file, never changed."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from eventlog.events import encode
from services.identity.domain.events import events

LINES: list[dict[str, Any]] = [
    msgspec.json.decode(line) for line in Path(__file__).with_name("identity.jsonl").read_bytes().splitlines()
]
WRITTEN_NOW = {event.type for event in events.types}


@pytest.mark.parametrize("line", LINES, ids=lambda line: line["type"])
def test_what_was_written_loads_and_what_is_written_now_is_the_same(line: dict[str, Any]) -> None:
    sealed = msgspec.json.encode(line["sealed"]) if "sealed" in line else None
    event = events.decode(line["type"], msgspec.json.encode(line["body"]), sealed)
    assert event is not None
    if line["type"] in WRITTEN_NOW:
        body, plain = encode(event)
        assert msgspec.json.decode(body) == line["body"]
        assert (plain and msgspec.json.decode(plain)) == line.get("sealed")


@pytest.mark.parametrize("line", LINES, ids=lambda line: line["type"])
def test_an_event_whose_person_was_erased_loads_without_its_sealed_part(line: dict[str, Any]) -> None:
    assert events.decode(line["type"], msgspec.json.encode(line["body"])) is not None


def test_every_event_that_is_written_now_has_a_line() -> None:
    assert {line["type"] for line in LINES} >= WRITTEN_NOW
