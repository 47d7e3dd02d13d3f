"""How many may be connected over HTTP, and who is let go for keeping a place without using it.

Whoever sends no request is ended by a timer (chassis/http.py). The rest is seen in a look at all of them every few
seconds, so that a request costs nothing for it.
"""

import resource
import time
from collections.abc import Callable, Iterable, Sized
from dataclasses import dataclass, field
from typing import Protocol

from chassis.telemetry import REFUSED_BY_LIMIT

MOST = 16_384
"""Connections that a process keeps at most."""
RESERVED = 2_560
"""File descriptors that they leave to the rest: callers over gRPC, database, files."""
LOOK = 5.0
"""Seconds between two looks at all of them."""
PATIENCE = 30.0
"""Seconds for which a connection may keep its place and move nothing."""
PACE = 1024
"""Bytes a second that an answer is read with, at least."""
SHED = 8
"""Where all places are taken, one in so many is made free at once."""


class Connection(Protocol):
    """What there is to know of one."""

    def idle_since(self) -> float | None:
        """Since when it has waited for a request; None where one is under way."""

    def adrift(self) -> bool:
        """Whether nothing would ever end it: no request is under way, and no timer runs."""

    def unread(self) -> int:
        """Bytes of answers that the other side has not taken."""

    def drop(self) -> None:
        """Ends it at once, whatever is unsent."""


class Connections(Sized, Iterable[Connection], Protocol):
    """Those of a server, which come and go."""


def places() -> int:
    """How many the limit of file descriptors allows; it is raised as far as it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < MOST + RESERVED:
        soft = min(MOST + RESERVED, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(MOST, max(soft - RESERVED, soft // 2))


@dataclass(frozen=True, slots=True)
class Stuck:
    """Since when a connection has not moved as it must, and how much was unread then."""

    since: float
    unread: int


def judged(before: Stuck | None, now: float, unread: int, adrift: bool) -> Stuck | None:
    """What to remember of a connection until the next look; None where nobody waits for it."""
    if not unread and not adrift:
        return None
    if before is None or (unread and unread <= before.unread - PACE * (now - before.since)):
        return Stuck(now, unread)
    return before


@dataclass
class Places:
    """The places that a server has for connections. The last to come has one already, and may lose it."""

    connections: Connections
    count: int
    clock: Callable[[], float] = time.monotonic
    _stuck: dict[Connection, Stuck] = field(default_factory=dict)

    def full(self, newcomer: Connection) -> bool:
        """Whether there is none for the newcomer, even without those who wait longest for a request of their own."""
        if len(self.connections) <= self.count:
            return False
        idle = [
            (since, one) for one in self.connections if (since := one.idle_since()) is not None and one is not newcomer
        ]
        idle.sort(key=lambda entry: entry[0])
        shed = idle[: max(1, self.count // SHED)]
        for _, one in shed:
            _end(one)
        return not shed

    def look(self) -> None:
        """Lets go who has not moved for PATIENCE seconds."""
        now, kept = self.clock(), {}
        for one in tuple(self.connections):
            found = judged(self._stuck.get(one), now, one.unread(), one.adrift())
            if found is None:
                continue
            if now - found.since < PATIENCE:
                kept[one] = found
            else:
                _end(one)
        self._stuck = kept


def _end(connection: Connection) -> None:
    REFUSED_BY_LIMIT.labels("connections").inc()
    connection.drop()
