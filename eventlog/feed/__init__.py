"""A log's feed: the owner's side, the reader's side over gRPC, and the same feed of one's own log (RULES 4)."""

from eventlog.feed.local import LocalFeed
from eventlog.feed.owner import EventLogFeed, first_of
from eventlog.feed.remote import RemoteFeed
from eventlog.feed.shared import SharedFeed
from eventlog.feed.source import (
    INTERVAL,
    PACE,
    PAGE_EVENTS,
    Batch,
    Echo,
    Progress,
    Source,
    SourceLost,
    Transport,
    follow_for_ever,
    revokes,
)
from eventlog.feed.wire import to_event, to_row

__all__ = [
    "INTERVAL",
    "PACE",
    "PAGE_EVENTS",
    "Batch",
    "Echo",
    "EventLogFeed",
    "LocalFeed",
    "Progress",
    "RemoteFeed",
    "SharedFeed",
    "Source",
    "SourceLost",
    "Transport",
    "first_of",
    "follow_for_ever",
    "revokes",
    "to_event",
    "to_row",
]
