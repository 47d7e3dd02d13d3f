"""Revocations from the events of token's log, by the same rules in every reader. No I/O."""

import re
from typing import Final

import msgspec

from watchword.chain import Linked
from watchword.errors import WatchwordError
from watchword.revocations import Kind, Revocation

MAX_ACCESS_TOKEN_LIFE: Final = 3600
SKEW: Final = 60
_REMEMBERED_US = (MAX_ACCESS_TOKEN_LIFE + SKEW) * 1_000_000
_TYPE = re.compile(r"watchword\.token\.(.+)\.v([1-9][0-9]*)")


class Unreadable(WatchwordError):
    """An event that may be a revocation, which this version cannot read."""


class _Token(msgspec.Struct):
    key: str = msgspec.field(name="token_id")


class _Family(msgspec.Struct):
    key: str = msgspec.field(name="family_id")


class _Session(msgspec.Struct):
    key: str = msgspec.field(name="session_id")


class _Client(msgspec.Struct):
    key: str = msgspec.field(name="client_id")


class _Subject(msgspec.Struct):
    key: str = msgspec.field(name="subject")
    before_session_position: int | None = None
    spared_session_id: str | None = None


class _Key(msgspec.Struct):
    purpose: str
    key: str = msgspec.field(name="key_id")


_Body = _Token | _Family | _Session | _Client | _Subject | _Key
_FOLDED: dict[str, tuple[Kind, type[_Body]]] = {
    "token.revoked": ("token", _Token),
    "family.revoked": ("family", _Family),
    "session.revoked": ("session", _Session),
    "client.revoked": ("client", _Client),
    "subject.revoked": ("subject", _Subject),
    "key.compromised": ("key", _Key),
}


def fold(event: Linked) -> Revocation | None:
    """What an event of token's log revokes; None where it revokes nothing.

    Raises Unreadable for a newer version of an event that revokes, and for a body that is not what its version says.
    """
    typed = _TYPE.fullmatch(event.type)
    if typed is None or typed[1] not in _FOLDED:
        return None
    if typed[2] != "1":
        raise Unreadable(f"{event.type} is newer than this version")
    kind, shape = _FOLDED[typed[1]]
    try:
        body = msgspec.json.decode(event.body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(f"the body of {event.type} at {event.position}: {error}") from None
    match body:
        case _Key(purpose=purpose) if purpose != "signing":
            return None
        case _Subject(before_session_position=before, spared_session_id=spared):
            return revocation(kind, body.key, event, before, spared)
        case _:
            return revocation(kind, body.key, event)


def revocation(kind: Kind, key: str, event: Linked, before: int | None = None, spared: str | None = None) -> Revocation:
    """The revocation that `event` stands for, with the time after which nothing that it ends can still be valid."""
    return Revocation(kind, key, event.position, event.time, event.time + _REMEMBERED_US, before, spared)
