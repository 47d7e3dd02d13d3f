"""How an event belongs to a trace (W3C Trace Context), told from its row alone: nothing more is stored for it.

The correlation id of a request is its trace id, unless a caller chose an id of another form; then its events belong to
no trace. Each event is a span, whose id follows from what names the event: so its writer, the relay and every reader
agree on it without having spoken.
"""

import re
from hashlib import sha256

from eventlog.events import Recorded

_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")


def trace_of(correlation_id: str) -> str | None:
    """The trace id, 32 lowercase hex digits; None where the correlation id is none."""
    return correlation_id if _TRACE_ID.fullmatch(correlation_id) else None


def span_of(command_id: str, stream: str, version: int) -> str:
    """The id of the span that is an event, 16 lowercase hex digits, never all zero."""
    digest = sha256(f"{command_id}\n{stream}\n{version}".encode()).hexdigest()
    return digest[:16] if int(digest[:16], 16) else "0" * 15 + "1"


def traceparent_of(row: Recorded) -> str | None:
    """The `traceparent` of an event: what consumes it continues that trace. None where it belongs to none."""
    trace = trace_of(row.correlation_id)
    return None if trace is None else f"00-{trace}-{span_of(row.command_id, row.stream, row.version)}-01"
