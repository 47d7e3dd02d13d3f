"""Revocations as `WatchRevocations` carries them."""

from google.protobuf.timestamp_pb2 import Timestamp

from watchword.revocations import Kind, Revocation
from watchword.token.v1 import token_pb2

_FIELDS: dict[str, Kind] = {
    "token_id": "token",
    "family_id": "family",
    "session_id": "session",
    "client_id": "client",
    "subject": "subject",
    "key_id": "key",
}
_KINDS = {kind: field for field, kind in _FIELDS.items()}


def to_timestamp(time_us: int) -> Timestamp:
    """A protobuf timestamp of a time in µs since 1970 UTC."""
    seconds, micros = divmod(time_us, 1_000_000)
    return Timestamp(seconds=seconds, nanos=micros * 1000)


def from_timestamp(timestamp: Timestamp) -> int:
    """The µs since 1970 UTC of a protobuf timestamp."""
    return timestamp.seconds * 1_000_000 + timestamp.nanos // 1000


def to_message(revocation: Revocation) -> token_pb2.Revocation:
    """The message that carries a revocation."""
    message = token_pb2.Revocation(
        position=revocation.position,
        time=to_timestamp(revocation.time_us),
        forget_at=to_timestamp(revocation.forget_at_us),
        before_session_position=revocation.before_session_position,
        spared_session_id=revocation.spared_session_id,
    )
    setattr(message, _KINDS[revocation.kind], revocation.key)
    return message


def from_message(message: token_pb2.Revocation) -> Revocation:
    """The revocation that a message carries; ValueError where it names nothing that this version knows."""
    field = message.WhichOneof("target")
    if field is None:
        raise ValueError("the revocation names nothing")
    return Revocation(
        kind=_FIELDS[field],
        key=getattr(message, field),
        position=message.position,
        time_us=from_timestamp(message.time),
        forget_at_us=from_timestamp(message.forget_at),
        before_session_position=(
            message.before_session_position if message.HasField("before_session_position") else None
        ),
        spared_session_id=message.spared_session_id if message.HasField("spared_session_id") else None,
    )
