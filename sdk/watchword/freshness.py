"""How old a reader's knowledge of a log is, as far as the reader itself can prove it."""

from collections import deque
from datetime import timedelta

LONGEST_STALENESS = timedelta(seconds=60)
"""A reader that is not heard is remembered for as long at most: then even one that was cut off has to refuse."""
MAX_PENDING = 64


class Freshness:
    """Knowledge is as old as the newest echoed stamp whose head has been applied.

    The stamps are readings of the reader's own monotonic clock (`boot_ns`), so an answer that waited in a socket while
    the reader was stopped, or behind an owner that was cut off, is as old as the question it answers. Nothing counts as
    applied before `applied` says so, not even an empty log.
    """

    def __init__(self) -> None:
        self.position: int | None = None
        self.head = 0
        self.time_us: int | None = None
        self._stamp_ns: int | None = None
        self._pending: deque[tuple[int, int, int]] = deque()

    def echoed(self, head: int, stamp_ns: int, time_us: int) -> None:
        """The owner read `head` at the log's `time_us` (µs since 1970 UTC), after the reader had sent `stamp_ns`."""
        self.head = head
        while self._pending and self._pending[-1][0] >= head and self._pending[-1][1] <= stamp_ns:
            self._pending.pop()
        if len(self._pending) == MAX_PENDING:
            self._pending.pop()
        self._pending.append((head, stamp_ns, time_us))
        self._settle()

    def applied(self, position: int) -> None:
        """Everything up to `position` has been applied."""
        self.position = position
        self._settle()

    def forget(self) -> None:
        """Nothing counts as applied or proven any more."""
        self.position, self._stamp_ns, self.time_us = None, None, None
        self._pending.clear()

    def age_ns(self, now_ns: int) -> int | None:
        """Nanoseconds since the newest proven stamp at `now_ns`; None where nothing is proven yet.

        A stamp that the clock has not shown yet was never sent, and proves nothing.
        """
        if self._stamp_ns is None or self._stamp_ns > now_ns:
            return None
        return now_ns - self._stamp_ns

    def _settle(self) -> None:
        while self.position is not None and self._pending and self._pending[0][0] <= self.position:
            _, stamp_ns, time_us = self._pending.popleft()
            if self._stamp_ns is None or stamp_ns > self._stamp_ns:
                self._stamp_ns, self.time_us = stamp_ns, time_us
