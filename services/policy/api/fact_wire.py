"""Facts ↔ messages: the fields have the same names in both."""

from typing import Any

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp

from eventlog.errors import Kind, Refusal
from services.policy.domain.facts import (
    Action,
    Assignment,
    Exclusion,
    Fact,
    Group,
    Label,
    Membership,
    Owner,
    Parent,
    Role,
    Share,
)
from watchword.policy.v1 import facts_pb2 as pb

KINDS: dict[str, type[Fact]] = {
    "role": Role,
    "group": Group,
    "membership": Membership,
    "assignment": Assignment,
    "exclusion": Exclusion,
    "label": Label,
    "owner": Owner,
    "parent": Parent,
    "share": Share,
    "action": Action,
}
LATEST = 253_402_300_800
"""Seconds: the year 10000, past what RFC 3339 can spell."""


def to_fact(message: pb.Fact) -> Fact:
    """Raises Refusal `fact_invalid`, `expiry_invalid`."""
    kind = message.WhichOneof("fact")
    if kind is None:
        raise Refusal(Kind.INVALID, "fact_invalid", f"a fact is one of {', '.join(KINDS)}")
    said = getattr(message, kind)
    values = {name: _value(said, name) for name in KINDS[kind].__struct_fields__}
    try:
        fact: Fact = msgspec.convert(values, KINDS[kind])
    except msgspec.ValidationError as error:
        raise Refusal(Kind.INVALID, "fact_invalid", f"{kind}: {error}") from None
    return fact


def _value(said: Any, name: str) -> object:
    if name == "expires_at":
        return to_instant(said.expires_at) if said.HasField(name) else None
    if name == "resource" and isinstance(said, pb.Assignment):
        return said.resource if said.HasField("resource") else None
    value = getattr(said, name)
    if name == "mode":
        return value or "both"
    return value if isinstance(value, str | int) else tuple(value)


def to_instant(time: Timestamp) -> int:
    """µs since 1970. Raises Refusal `expiry_invalid`."""
    if not 0 < time.seconds < LATEST or not 0 <= time.nanos < 1_000_000_000:
        raise Refusal(Kind.INVALID, "expiry_invalid", "a time is between 1970 and 9999")
    return time.seconds * 1_000_000 + time.nanos // 1000


def from_instant(instant: int) -> Timestamp:
    """Of µs since 1970."""
    seconds, rest = divmod(instant, 1_000_000)
    return Timestamp(seconds=seconds, nanos=rest * 1000)


def from_fact(fact: Fact) -> pb.Fact:
    """The message that says a fact."""
    kind = str(fact.__struct_config__.tag)
    values = {name: value for name in fact.__struct_fields__ if (value := getattr(fact, name)) is not None}
    if "expires_at" in values:
        values["expires_at"] = from_instant(values["expires_at"])
    message = pb.Fact()
    made = getattr(pb, kind.capitalize())(**values)
    getattr(message, kind).CopyFrom(made)
    return message
