"""Where each life of the component campaign ends: a pure function of the campaign's seed and the life's number."""

from dataclasses import dataclass
from random import Random
from typing import Literal

from tests.fault.campaign.points import POINTS

PARTS = {"append": 40, "projection": 22, "rotation": 14, "publish": 6, "random": 18}
"""How often a life ends in each part, in a hundred."""
PASSES = {"append": 9, "projection": 3, "rotation": 2, "publish": 2}
"""Up to how many passes of its point a life lives."""
Rotate = Literal["", "rotate", "lose", "compromise"]
HOW: dict[str, Rotate] = {
    "rotation.destroying": "lose",
    "rotation.ending": "compromise",
    "rotation.ended": "compromise",
}
"""Points that only some rotations pass."""
UNREACHED = (
    "reaction.done",
    *("projection.locked", "projection.applied", "projection.advancing", "projection.advanced", "projection.committed"),
)
"""Points that only a whole suite passes: rows that nobody else moves, and that are not parked, need no transaction."""
LONGEST_MS = 260.0


@dataclass(frozen=True, slots=True)
class End:
    """At the `passes`-th pass of `point`, or after so many ms; and which parts run beside the requests."""

    part: str
    point: str
    passes: int
    after_ms: float
    tables: bool
    relay: bool
    rotate: Rotate


def end_of(seed: int, number: int) -> End:
    chance = Random(f"{seed}/{number}")
    (part,) = chance.choices(list(PARTS), list(PARTS.values()))
    named = [one.name for one in POINTS if one.name.startswith(part) and one.name not in UNREACHED]
    point = chance.choice(named) if named else ""
    tables = part == "projection" or HOW.get(point) == "compromise" or chance.random() < 0.1
    return End(
        part=part,
        point=point,
        passes=chance.randint(1, PASSES.get(part, 1)),
        after_ms=0.0 if named else chance.uniform(5.0, LONGEST_MS),
        tables=tables,
        relay=part == "publish" or (not named and chance.random() < 0.2),
        rotate=_rotates(part, point, chance),
    )


def _rotates(part: str, point: str, chance: Random) -> Rotate:
    if part == "rotation":
        return HOW.get(point, "rotate")
    return chance.choice(("rotate", "lose")) if chance.random() < 0.1 else ""
