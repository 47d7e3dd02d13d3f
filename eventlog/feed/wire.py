"""Rows of a log as the feed carries them."""

from eventlog.events import Recorded
from watchword.log.v1 import log_pb2
from watchword.wire import to_timestamp


def to_row(event: log_pb2.Event) -> Recorded:
    return Recorded(
        position=event.position,
        stream=event.stream,
        version=event.stream_version,
        type=event.type,
        time=event.time.ToMicroseconds(),
        command_id=event.command_id,
        actor=event.actor,
        correlation_id=event.correlation_id,
        body=event.body,
        sealed_hash=event.sealed_hash,
        chain_hash=event.chain_hash,
    )


def to_event(row: Recorded) -> log_pb2.Event:
    """What leaves the service: all that the chain is made of, never the sealed part."""
    return log_pb2.Event(
        position=row.position,
        stream=row.stream,
        stream_version=row.version,
        type=row.type,
        time=to_timestamp(row.time),
        command_id=row.command_id,
        actor=row.actor,
        correlation_id=row.correlation_id,
        body=row.body,
        sealed_hash=row.sealed_hash,
        chain_hash=row.chain_hash,
    )
