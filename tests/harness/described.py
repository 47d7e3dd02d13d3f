"""docs/events/asyncapi.yaml as a security team's tools take it: what does an event have to look like?"""

from collections.abc import Mapping
from typing import Any

import msgspec
import yaml
from jsonschema import Draft7Validator
from referencing import Registry
from referencing.jsonschema import DRAFT7

from catalogue.record import EVENTS

DOCUMENT = yaml.safe_load((EVENTS / "asyncapi.yaml").read_text())
_WHOLE = Registry().with_resource("urn:events", DRAFT7.create_resource(DOCUMENT))
_HEADERS = DOCUMENT["components"]["schemas"]


def fits_body(type_: str, body: bytes) -> None:
    """Fails where the document has no such type, or where the body is not as it says or has a field besides."""
    assert type_ in DOCUMENT["components"]["messages"], f"{type_} is not in the document"
    payload = DOCUMENT["components"]["messages"][type_]["payload"]
    fields = msgspec.json.decode(body)
    _valid(type_, "payload", fields)
    assert fields.keys() <= payload.get("properties", {}).keys(), f"{type_} has fields besides: {body!r}"


def fits(topic: str, key: bytes | None, value: bytes, headers: Mapping[str, bytes]) -> None:
    """The same for a whole record: the topic may carry it, key and headers are as the document says."""
    said = {name: text.decode() for name, text in headers.items()}
    type_ = said["ce_type"]
    (channel,) = (one for one in DOCUMENT["channels"].values() if one["address"] == topic)
    assert type_ in channel["messages"], f"{type_} in {topic}"
    fits_body(type_, value)
    _valid(type_, "headers", said)
    _valid(type_, "bindings/kafka/key", None if key is None else key.decode())
    assert key is None or key.decode() == said["ce_subject"]
    shape = "heartbeatHeaders" if key is None else "eventHeaders"
    assert said.keys() <= _HEADERS[shape]["properties"].keys(), f"{type_} has headers besides: {sorted(said)}"


def _valid(type_: str, part: str, value: Any) -> None:
    where = {"$ref": f"urn:events#/components/messages/{type_}/{part}"}
    Draft7Validator(where, registry=_WHOLE, format_checker=Draft7Validator.FORMAT_CHECKER).validate(value)
