"""What a body of JSON may not be: ambiguous, or full of what no database takes."""

import json
from typing import Any, NoReturn

from eventlog.errors import Kind, Refusal

ODD = "a text holds characters that no text has: a NUL, or half a surrogate pair"


def check_json(body: bytes, *, texts: bool = True) -> None:
    """Raises Refusal where a body is not one JSON value that every reader takes for the same.

    `malformed_json` unless it is JSON in UTF-8 without duplicate members (RFC 7493); `invalid_request` where `texts`
    are looked at, and one holds a NUL character or half a surrogate pair.
    """
    try:
        value = json.loads(body.decode(), object_pairs_hook=_members, parse_constant=_no_constant)
        fits = not texts or not may_be_odd(body) or fit(value)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, _Repeated) else "the body is not JSON in UTF-8"
        raise Refusal(Kind.INVALID, "malformed_json", reason) from None
    if not fits:
        raise Refusal(Kind.UNPROCESSABLE, "invalid_request", ODD)


def may_be_odd(body: bytes) -> bool:
    """Whether a text of what is JSON in UTF-8 may hold such a character: they can only be escaped."""
    return b"\\u" in body


def fit(value: Any) -> bool:
    """Whether no text of JSON holds a NUL character or half a surrogate pair."""
    match value:
        case str():
            return "\0" not in value and not any("\ud800" <= char <= "\udfff" for char in value)
        case dict():
            return all(fit(name) and fit(member) for name, member in value.items())
        case list():
            return all(map(fit, value))
    return True


class _Repeated(ValueError):
    """A member stands twice in an object."""


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Repeated("an object of the body has a member twice")
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
