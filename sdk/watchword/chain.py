"""The hash chain of a log (RULES 1): what makes a changed or missing row show to whoever holds an earlier hash."""

from hashlib import sha256
from struct import Struct
from typing import Protocol

GENESIS = bytes(32)

_LENGTH = Struct(">I").pack
_INTEGER = Struct(">IQI").pack
"""The length of an integer, the integer, and the length of what follows it."""


class Linked(Protocol):
    """What a chain hash is made of. `time` in µs since 1970 UTC; `sealed_hash` is empty where nothing is sealed."""

    @property
    def position(self) -> int: ...
    @property
    def stream(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def type(self) -> str: ...
    @property
    def time(self) -> int: ...
    @property
    def command_id(self) -> str: ...
    @property
    def actor(self) -> str: ...
    @property
    def correlation_id(self) -> str: ...
    @property
    def body(self) -> bytes: ...
    @property
    def sealed_hash(self) -> bytes: ...


def link(previous: bytes, row: Linked) -> bytes:
    """The chain hash of a row that follows `previous`.

    SHA-256 over previous hash, position, stream, version, type, time, command id, actor, correlation id, body and the
    SHA-256 of the sealed ciphertext, each as a 4-byte big-endian length and its bytes; integers are 8 bytes big-endian.
    """
    # Whoever follows a log does this for every event: it is half of what an event costs them.
    stream, type_, command = row.stream.encode(), row.type.encode(), row.command_id.encode()
    actor, correlation, body, sealed = row.actor.encode(), row.correlation_id.encode(), row.body, row.sealed_hash
    return sha256(
        b"".join(
            (
                _LENGTH(len(previous)),
                previous,
                _INTEGER(8, row.position, len(stream)),
                stream,
                _INTEGER(8, row.version, len(type_)),
                type_,
                _INTEGER(8, row.time, len(command)),
                command,
                _LENGTH(len(actor)),
                actor,
                _LENGTH(len(correlation)),
                correlation,
                _LENGTH(len(body)),
                body,
                _LENGTH(len(sealed)),
                sealed,
            )
        )
    ).digest()
