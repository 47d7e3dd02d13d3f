"""Rows of the table as the rest knows them: time is an integer of microseconds since 1970, exactly."""

from datetime import UTC, datetime, timedelta

import asyncpg

from eventlog.events import Recorded
from eventlog.store import Head
from watchword.chain import GENESIS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

HEAD = """
SELECT head.position, head.chain_hash, greatest(head.time, clock_timestamp()) AS now
FROM (SELECT) one
LEFT JOIN LATERAL (SELECT position, time, chain_hash FROM eventlog.events ORDER BY position DESC LIMIT 1) head ON true
"""


def recorded(row: asyncpg.Record) -> Recorded:
    """A row of eventlog.events."""
    return Recorded(
        position=row["position"],
        stream=row["stream"],
        version=row["version"],
        type=row["type"],
        time=_microseconds(row["time"]),
        command_id=row["command_id"],
        actor=row["actor"],
        correlation_id=row["correlation_id"],
        body=row["body"],
        sealed_hash=row["sealed_hash"],
        sealed=row["sealed"],
        chain_hash=row["chain_hash"],
    )


def head(row: asyncpg.Record) -> Head:
    """The row of HEAD, also of an empty log."""
    return Head(row["position"] or 0, row["chain_hash"] or GENESIS, _microseconds(row["now"]))


def _microseconds(time: datetime) -> int:
    return (time - _EPOCH) // _MICROSECOND
