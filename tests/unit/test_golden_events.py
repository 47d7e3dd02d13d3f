"""Every version of an event that a service ever wrote loads for ever (RULES 1, 2).

tests/golden/<service>.jsonl holds a line for each shape that was ever written: type, body and, where there is one, the
sealed part. Lines are added, never changed.
"""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from chassis.trust import token_events as trust_events
from eventlog.events import Registry, encode
from services.identity import projections as identity_projections
from services.identity.domain.events import events as identity_events
from services.policy import projections as policy_projections
from services.policy.domain.events import policy_events
from services.token import projections as token_projections
from services.token.domain.events import events as token_events

GOLDEN = Path(__file__).parent.parent / "golden"
REGISTRIES = {registry.service: registry for registry in (identity_events, token_events, policy_events)}
Line = dict[str, Any]


def _lines(service: str) -> list[Line]:
    return [msgspec.json.decode(line) for line in (GOLDEN / f"{service}.jsonl").read_bytes().splitlines()]


def _written_now(registry: Registry) -> set[str]:
    return {event.type for event in registry.types}


EVERY = [
    pytest.param(registry, line, id=line["type"])
    for service, registry in REGISTRIES.items()
    for line in _lines(service)
]


@pytest.mark.parametrize(("registry", "line"), EVERY)
def test_what_was_written_loads_and_what_is_written_now_is_the_same(registry: Registry, line: Line) -> None:
    sealed = msgspec.json.encode(line["sealed"]) if "sealed" in line else None
    event = registry.decode(line["type"], msgspec.json.encode(line["body"]), sealed)
    assert event is not None
    if line["type"] in _written_now(registry):
        body, plain = encode(event)
        assert msgspec.json.decode(body) == line["body"]
        assert (plain and msgspec.json.decode(plain)) == line.get("sealed")


@pytest.mark.parametrize(("registry", "line"), EVERY)
def test_an_event_whose_key_was_erased_loads_without_its_sealed_part(registry: Registry, line: Line) -> None:
    assert registry.decode(line["type"], msgspec.json.encode(line["body"])) is not None


@pytest.mark.parametrize("registry", REGISTRIES.values(), ids=REGISTRIES)
def test_every_event_that_is_written_now_has_a_line(registry: Registry) -> None:
    assert {line["type"] for line in _lines(registry.service)} >= _written_now(registry)


@pytest.mark.parametrize("registry", REGISTRIES.values(), ids=REGISTRIES)
def test_every_field_that_an_event_can_have_is_in_one_of_its_lines(registry: Registry) -> None:
    for event in registry.types:
        lines = [line for line in _lines(registry.service) if line["type"] == event.type]
        shown = {name for line in lines for name in line["body"] | line.get("sealed", {})}
        assert shown == set(event.__struct_fields__), event.type


READERS = [
    pytest.param(trust_events, id="every process of token"),
    pytest.param(identity_projections.token_events, id="identity of token"),
    pytest.param(policy_projections.identity_events, id="policy of identity"),
    pytest.param(token_projections.identity_events, id="token of identity"),
]


@pytest.mark.parametrize("reader", READERS)
def test_what_a_service_reads_of_anothers_log_is_what_the_other_writes(reader: Registry) -> None:
    lines = _lines(reader.service)
    for line in lines:
        reader.decode(line["type"], msgspec.json.encode(line["body"]))
    written = {line["type"] for line in lines}
    for event in reader.types:
        shown = {name for line in lines if line["type"] == event.type for name in line["body"]}
        # What the other does not write yet may be read already.
        assert event.type not in written or set(event.__struct_fields__) <= shown, event.type
