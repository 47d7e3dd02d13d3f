"""The hash chain of a log (RULES 1): what makes a changed or missing row show to whoever holds an earlier hash."""

from hashlib import sha256
from typing import Protocol

GENESIS = bytes(32)


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
    fields = (
        previous,
        row.position.to_bytes(8, "big"),
        row.stream.encode(),
        row.version.to_bytes(8, "big"),
        row.type.encode(),
        row.time.to_bytes(8, "big"),
        row.command_id.encode(),
        row.actor.encode(),
        row.correlation_id.encode(),
        row.body,
        row.sealed_hash,
    )
    return sha256(b"".join(len(field).to_bytes(4, "big") + field for field in fields)).digest()
