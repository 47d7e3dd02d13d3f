"""What a row of the page says: figures, what they should be, and what they cost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

MOST = 100.0


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure should be."""

    sense: Literal["at least", "at most"]
    limit: float

    def met(self, value: float) -> bool:
        return value >= self.limit if self.sense == "at least" else value <= self.limit

    def ratio(self, value: float) -> float:
        """1 or more where it is met; how much is missing, or to spare: MOST at most."""
        if self.sense == "at least":
            return min(MOST, value / self.limit)
        return self.limit / max(value, self.limit / MOST)


def at_least(limit: float) -> Target:
    return Target("at least", limit)


def at_most(limit: float) -> Target:
    return Target("at most", limit)


@dataclass(frozen=True, slots=True)
class Figure:
    """One number. `cpu` are milliseconds for each, by process; `beside` is what else was seen."""

    what: str
    value: float
    unit: str
    target: Target | None = None
    cpu: Mapping[str, float] = field(default_factory=dict)
    beside: str = ""

    @property
    def missed(self) -> bool:
        return self.target is not None and not self.target.met(self.value)

    def line(self) -> str:
        """As a line of the page's table."""
        target = f"{self.target.sense} {shown(self.target.limit)} {self.unit}" if self.target else ""
        ratio = f"{'**missed** ' if self.missed else ''}{self.target.ratio(self.value):.2f}" if self.target else ""
        spent = " · ".join(f"{name} {ms:.3f}" for name, ms in self.cpu.items())
        return f"| {self.what} | {shown(self.value)} {self.unit} | {target} | {ratio} | {spent} | {self.beside} |"


def shown(value: float) -> str:
    """Three digits that say something, or all before the point."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def percentile(ordered: list[float], share: float) -> float:
    """Of values that are sorted already."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))]
