"""What a message may not be: unreadable, or full of what no database takes; see chassis.web.strict for JSON."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError, Message

from eventlog.errors import Kind, Refusal

Decode = Callable[[bytes], Any]


@dataclass(frozen=True, slots=True)
class Unfit:
    """Stands where a message should: whoever may not call at all is told that first."""

    code: str
    detail: str


_UNREADABLE = Unfit("malformed_message", "the message is not what the method's contract says")
_NUL = Unfit("invalid_request", "a text of the message holds a NUL character")


def strictly(decode: Decode | None) -> Decode | None:
    """The decoder of a method's messages; it gives Unfit where one does not parse or holds a NUL character."""
    if decode is None:
        return None

    def decoded(data: bytes) -> Any:
        try:
            message = decode(data)
        except DecodeError:
            return _UNREADABLE
        return _NUL if b"\0" in data and _holds_nul(message) else message

    return decoded


def fit(message: Any) -> Any:
    """The message. Raises Refusal `malformed_message` or `invalid_request` where it is Unfit."""
    if isinstance(message, Unfit):
        raise Refusal(Kind.INVALID, message.code, message.detail)
    return message


async def each_fit(messages: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """The messages of a stream, until one is Unfit: then as `fit`."""
    async for message in messages:
        yield fit(message)


def _holds_nul(value: Any) -> bool:
    match value:
        case str():
            return "\0" in value
        case bytes() | int() | float():
            return False
        case Message():
            return any(_holds_nul(member) for _, member in value.ListFields())
        case Mapping():
            return any(_holds_nul(member) for entry in value.items() for member in entry)
    return any(map(_holds_nul, value))
