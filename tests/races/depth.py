"""How far the races go: `make test` explores some, `make races` (WATCHWORD_RACES=deep) all that are named."""

import os
from collections.abc import Iterable
from typing import TypeVar

from tests.races.explore import Explored, Make, explore

T = TypeVar("T")
DEEP = os.environ.get("WATCHWORD_RACES") == "deep"
LINES: list[str] = []
"""Said at the end of the run."""


def deeper(some: Iterable[T], more: Iterable[T]) -> list[T]:
    return [*some, *more] if DEEP else [*some]


def explore_all(
    what: str, races: Iterable[Make], *, fine: bool = False, most: int = 100_000 if DEEP else 3_000
) -> Explored:
    """Explores each race whole, and says how many schedules that took."""
    found, number = Explored(), 0
    for make in races:
        one = explore(make, fine=fine, count=True, most=most)
        number += 1
        found.schedules += one.schedules
        found.left += one.left
        found.stands_for += one.stands_for
        found.longest = max(found.longest, one.longest)
    if number:
        LINES.append(f"{what}: {number} races, {found}")
    return found
