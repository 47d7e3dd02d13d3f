"""What policy needs from outside its rooms."""

from typing import Protocol


class Known(Protocol):
    """How far, and how reliably, a log is known here; `eventlog.projection.MemoryProjection` is one."""

    @property
    def applied(self) -> int: ...

    @property
    def parked(self) -> frozenset[str]:
        """Streams of which an event could not be folded."""
        ...

    @property
    def max_staleness(self) -> float:
        """Seconds."""
        ...

    def age(self) -> float | None:
        """Seconds; None where it was never level with its source."""
        ...

    async def wait(self, position: int, timeout: float) -> bool:
        """Whether `position` has been applied within `timeout` seconds."""
        ...


class Clock(Protocol):
    """The log's time; `watchword.LogClock` is one."""

    @property
    def known(self) -> bool: ...

    def now(self) -> int:
        """µs since 1970 UTC."""
        ...
