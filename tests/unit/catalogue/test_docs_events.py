"""docs/events says what the event types say, and what was promised of each version is kept."""

import re
from typing import Any

import msgspec
import pytest
import yaml
from jsonschema import Draft7Validator

from catalogue.__main__ import main
from catalogue.compatibility import breaks
from catalogue.record import EVENTS, GOLDEN, REGISTRIES, examples, promised, written

DOCUMENT = yaml.safe_load((EVENTS / "asyncapi.yaml").read_text())
BODIES = [pytest.param(type_, body, id=type_) for type_, found in examples(GOLDEN).items() for body in found]


def test_what_was_promised_is_kept() -> None:
    assert breaks(promised(EVENTS), written()) == []


def test_what_is_committed_is_what_the_event_types_say() -> None:
    assert main(["--check"]) == 0


def test_every_version_that_is_written_is_in_the_record_and_in_the_document() -> None:
    types = {event.type for registry in REGISTRIES for event in registry.types}
    assert types <= promised(EVENTS).keys() <= DOCUMENT["components"]["messages"].keys()
    published = {type_ for channel in DOCUMENT["channels"].values() for type_ in channel["messages"]}
    assert published == DOCUMENT["components"]["messages"].keys()


@pytest.mark.parametrize(("type_", "body"), BODIES)
def test_what_was_ever_written_fits_its_schema_and_has_no_field_besides(type_: str, body: dict[str, Any]) -> None:
    schema = promised(EVENTS)[type_]
    Draft7Validator.check_schema(schema)
    Draft7Validator(schema, format_checker=Draft7Validator.FORMAT_CHECKER).validate(body)
    assert body.keys() <= schema["properties"].keys()


def test_every_reference_in_the_document_leads_somewhere() -> None:
    for reference in re.findall(r'"\$ref":"#/([^"]+)"', msgspec.json.encode(DOCUMENT).decode()):
        found = DOCUMENT
        for part in reference.split("/"):
            found = found[part]
        assert found
