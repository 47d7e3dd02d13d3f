"""Facts as JSON objects, in both directions (docs/policy.md)."""

from collections.abc import Mapping
from typing import Any

import msgspec

from eventlog.errors import Kind, Refusal
from eventlog.events import parse_rfc3339, rfc3339
from services.policy.domain.facts import Fact

Json = Mapping[str, Any]
EARLIEST, LATEST = 0, 253_402_300_799_999_999
"""µs: 1970 to 9999, whatever the offset from UTC."""


def read(said: Json) -> Fact:
    """The fact that an object says. Raises Refusal `fact_invalid`."""
    if not isinstance(said, Mapping):
        raise _wrong("a fact is a JSON object")
    try:
        timed = {**said, "expires_at": _instant(said["expires_at"])} if said.get("expires_at") is not None else said
        fact: Fact = msgspec.convert(timed, Fact)
    except (msgspec.ValidationError, UnicodeEncodeError, ValueError) as error:
        raise _wrong(str(error)) from None
    unknown = said.keys() - {"kind", *fact.__struct_fields__}
    if unknown:
        raise _wrong(f"{fact.__struct_config__.tag} has no {min(unknown)!r}")
    return fact


def write(fact: Fact) -> dict[str, Any]:
    """The object that says a fact."""
    said: dict[str, Any] = msgspec.to_builtins(fact)
    return said | {"expires_at": rfc3339(said["expires_at"])} if "expires_at" in said else said


def _instant(text: Any) -> int:
    try:
        time = parse_rfc3339(text)
    except (ValueError, TypeError, OverflowError):
        time = -1
    if not EARLIEST <= time <= LATEST:
        raise ValueError("expires_at is a time such as 2031-01-31T12:00:00Z")
    return time


def _wrong(reason: str) -> Refusal:
    return Refusal(Kind.INVALID, "fact_invalid", reason[:300])
