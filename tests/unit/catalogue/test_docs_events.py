"""docs/events says what the event types say, and what was promised of each version is kept."""

import re
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from jsonschema import Draft7Validator

from catalogue.__main__ import main
from catalogue.compatibility import breaks
from catalogue.record import EVENTS, GOLDEN, REGISTRIES, examples, promised, written

DOCUMENT = yaml.safe_load((EVENTS / "asyncapi.yaml").read_text())
REVOKED = "watchword.token.client.revoked.v1"
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


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """What is committed, elsewhere."""
    return Path(shutil.copytree(EVENTS, tmp_path / "events"))


def test_what_is_not_up_to_date_is_named_and_then_written(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (kept / "schemas" / f"{REVOKED}.json").unlink()
    (kept / "asyncapi.yaml").write_text("by hand")
    assert main(["--check"], kept) == 1
    assert f"events/schemas/{REVOKED}.json" in capsys.readouterr().err
    assert main([], kept) == 0
    assert main(["--check"], kept) == 0
    assert (kept / "asyncapi.yaml").read_text() == (EVENTS / "asyncapi.yaml").read_text()


@pytest.mark.parametrize("arguments", [[], ["--check"]])
def test_what_breaks_a_promise_is_named_and_nothing_is_written(
    kept: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = kept / "schemas" / f"{REVOKED}.json"
    promise = msgspec.json.decode(path.read_bytes())
    promise["properties"]["until"] = {"type": "string"}
    path.write_bytes(msgspec.json.encode(promise))
    before = path.read_bytes()
    assert main(arguments, kept) == 1
    assert f"{REVOKED}: the field until is gone" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_an_old_version_stays_in_the_document_when_a_new_one_is_written(kept: Path) -> None:
    """As if `client.revoked` had been written in another version before, which is not possible to this very code."""
    old = msgspec.json.decode((kept / "schemas" / f"{REVOKED}.json").read_bytes())
    former = REVOKED.replace(".v1", ".v0")
    (kept / "schemas" / f"{former}.json").write_bytes(msgspec.json.encode(old | {"title": former}))
    assert main([], kept) == 0
    messages = yaml.safe_load((kept / "asyncapi.yaml").read_text())["components"]["messages"]
    assert {former, REVOKED} <= messages.keys()


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
