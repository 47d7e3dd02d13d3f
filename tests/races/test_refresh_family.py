"""RULES 8: uses of one refresh family at once are as uses one after the other, in every interleaving.

One lineage; a retry gives the same successor; theft is found exactly where it is; no other error, ever.
"""

from dataclasses import replace
from itertools import combinations_with_replacement, product

import msgspec
import pytest

from eventlog.log import Attempt, By
from services.token.commands.issue import says
from services.token.domain.events import RefreshRotated
from services.token.domain.family import FAMILY
from tests.races.depth import deeper, explore_all
from tests.races.explore import Broken, Make, Race, explore, replay
from tests.races.families import OTHER, OWN, Family, LeewayPasses, Presenting, Use, a_family, present, uses_at_once
from tests.races.stage import Original, Stage, in_memory

GRANDPARENT, PARENT, CURRENT, CHILD = (Use("a", generation) for generation in (1, 2, 3, 4))
THIEF, LATE_THIEF = Use("a", 3, thief=True), Use("a", 2, thief=True)
KINDS = [CURRENT, PARENT, GRANDPARENT, CHILD, THIEF, LATE_THIEF]


def at_once(*uses: Use | LeewayPasses, leeway: int = 10, presenting: Presenting = present) -> Make:
    """Uses of a family at its third generation, which process b believes to be at its second."""
    made: list[tuple[Original, Family]] = []

    async def make() -> Race:
        if not made:
            made.append(await _original(leeway))
        original, family = made[0]
        return await uses_at_once(await original.copy(), family, *uses, presenting=presenting)

    return make


async def _original(leeway: int) -> tuple[Original, Family]:
    client = msgspec.structs.replace(OWN, leeway=leeway)
    stage = await in_memory(client, OTHER)
    family = await a_family(stage, client)
    head = len(await stage.rows())
    return Original(stage, family.streams, {"a": head, "b": family.second_at, "c": head, "d": 0}), family


def within(processes: str, *uses: Use) -> list[Use]:
    return [replace(use, process=process) for process, use in zip(processes, uses, strict=True)]


PAIRS = list(combinations_with_replacement(KINDS, 2))


def test_two_uses_in_two_processes() -> None:
    pairs = list(product(KINDS, KINDS))
    explore_all("refresh, 2 uses in 2 processes", [at_once(*within("ab", *pair)) for pair in pairs])


def test_two_uses_in_one_process() -> None:
    some = [(CURRENT, CURRENT), (CURRENT, PARENT), (CURRENT, CHILD), (PARENT, PARENT), (CURRENT, THIEF)]
    races = [at_once(*within("bb", *pair)) for pair in deeper(some, PAIRS)]
    explore_all("refresh, 2 uses in 1 process", races)


def test_two_uses_in_two_processes_without_a_leeway() -> None:
    races = [at_once(*within("ab", *pair), leeway=0) for pair in PAIRS]
    explore_all("refresh, 2 uses in 2 processes, leeway 0", races)


def test_two_uses_while_the_leeway_passes() -> None:
    some = [(CURRENT, CURRENT), (CURRENT, PARENT)]
    races = [at_once(*within("ab", *pair), LeewayPasses()) for pair in deeper(some, PAIRS)]
    explore_all("refresh, 2 uses in 2 processes while the leeway passes", races)


def test_three_uses_in_three_processes() -> None:
    some = [(CURRENT, CURRENT, CHILD), (CURRENT, PARENT, CHILD), (CURRENT, CURRENT, THIEF), (PARENT, PARENT, CURRENT)]
    more = combinations_with_replacement(KINDS, 3)
    races = [at_once(*within("abc", *three)) for three in deeper(some, more)]
    explore_all("refresh, 3 uses in 3 processes", races)


def test_three_uses_in_two_processes() -> None:
    some: list[tuple[Use, ...]] = []
    more = [(CURRENT, CURRENT, CHILD), (CURRENT, CURRENT, PARENT), (CURRENT, CHILD, THIEF)]
    explore_all("refresh, 3 uses in 2 processes", [at_once(*within("aba", *three)) for three in deeper(some, more)])


def test_four_uses_in_four_processes() -> None:
    some: list[tuple[Use, ...]] = []
    more = [(CURRENT, CURRENT, CURRENT, CHILD), (CURRENT, PARENT, CHILD, THIEF)]
    explore_all("refresh, 4 uses in 4 processes", [at_once(*within("abcd", *four)) for four in deeper(some, more)])


def test_two_uses_in_one_process_callback_by_callback() -> None:
    more = [at_once(CURRENT, CURRENT), at_once(CURRENT, CHILD)]
    explore_all("refresh, 2 uses in 1 process, callback by callback", deeper([], more), fine=True)


async def in_two_steps(stage: Stage, family: Family, use: Use | LeewayPasses, by: str) -> str:
    """A bug on purpose: it looks whether the token is the current one, and rotates later."""
    assert isinstance(use, Use)
    log = stage.token(use.process).log
    known = await log.fresh(FAMILY, family.id)
    if use.generation != known.generation:
        return "over"
    said = says(family.client, family.subject, [], "", 0) | {"session_id": family.session_id, "family_id": family.id}
    rotated = RefreshRotated(**said, generation=known.generation + 1, refresh_key=known.keys[-1].key_id)

    async def decide(attempt: Attempt) -> None:
        await attempt.write(FAMILY, family.id, rotated)

    await log.decide(By("test", by), decide)
    return family.tokens[use.generation + 1]


def test_a_check_and_a_use_in_two_steps_are_found() -> None:
    broken = at_once(*within("ab", CURRENT, CURRENT), presenting=in_two_steps)
    with pytest.raises(Broken) as found:
        explore(broken)
    with pytest.raises(Broken):
        replay(broken, found.value.schedule)
