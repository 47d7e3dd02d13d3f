"""What a step of an operation touched, and so which steps may change places without anybody noticing."""

from dataclasses import dataclass

CLOCK = "clock"
"""The log's time, which any step in a process may read."""


@dataclass(slots=True)
class Step:
    """A turn of an operation: what it read and wrote, and whether the operation began or ended in it."""

    operation: str
    reads: set[str]
    writes: set[str]
    began: bool = False
    ended: bool = False

    def conflicts(self, other: "Step") -> bool:
        """Whether it matters which of the two comes first."""
        return not (
            self.writes.isdisjoint(other.writes)
            and self.writes.isdisjoint(other.reads)
            and self.reads.isdisjoint(other.writes)
        )
