"""The log's time, kept on a monotonic clock; the wall clock is never asked."""

import time
from collections.abc import Callable

from watchword.errors import TimeUnknown

MAX_DRIFT_PER_SECOND_NS = 1_000_000


def boot_ns() -> int:
    """Nanoseconds of a monotonic clock that goes on while the machine is suspended."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class LogClock:
    """The log's time between two observations of it.

    An observed time was true at the latest when it arrived, so it is a lower bound: a greater one is taken at once,
    while a smaller one (late, or read from a socket after the process was stopped) moves the clock back by no more than
    two clocks can have drifted apart, 1 ms a second.
    """

    def __init__(self, monotonic_ns: Callable[[], int] = boot_ns) -> None:
        self._monotonic_ns = monotonic_ns
        self._offset_ns: int | None = None
        self._observed_ns = 0

    @property
    def known(self) -> bool:
        """Whether a time has been observed."""
        return self._offset_ns is not None

    def observe(self, log_time_us: int) -> None:
        """Take a time of the log, in µs since 1970 UTC, that has just arrived."""
        now = self._monotonic_ns()
        offset = log_time_us * 1000 - now
        if self._offset_ns is not None:
            drift = (now - self._observed_ns) * MAX_DRIFT_PER_SECOND_NS // 1_000_000_000
            offset = max(offset, self._offset_ns - drift)
        self._offset_ns, self._observed_ns = offset, now

    def now(self) -> int:
        """The log's time in µs since 1970 UTC; `TimeUnknown` before the first observation."""
        if self._offset_ns is None:
            raise TimeUnknown("the log's time has not been heard yet")
        return (self._monotonic_ns() + self._offset_ns) // 1000
