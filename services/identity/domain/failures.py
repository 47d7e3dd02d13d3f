"""Failed logins of one name within one minute: a stream of their own, which is never hot."""

from datetime import UTC, datetime

import msgspec

from eventlog.events import Event, Recorded
from eventlog.log import Fold
from services.identity.domain.events import LoginFailed

MINUTE = 60_000_000


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """How many failures the log holds."""

    count: int = 0


def evolve_failed(state: Failed, event: Event, row: Recorded) -> Failed:
    """What an event makes of the count."""
    return Failed(count=state.count + event.count) if isinstance(event, LoginFailed) else state


FAILED = Fold("login-failure", Failed(), evolve_failed)


def month(now: int) -> str:
    """The month of a time in microseconds since 1970, such as 2026-09: how long one key identifies names."""
    return datetime.fromtimestamp(now / 1e6, UTC).strftime("%Y-%m")


def stream_key(name_key: str, now: int) -> str:
    """Which stream a failure at `now` belongs to."""
    return f"{name_key}/{now // MINUTE}"
