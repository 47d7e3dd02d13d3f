"""The same seed gives the same faults, and every kind, process, way and point comes up."""

from collections import Counter

import pytest

from tests.fault.campaign.ends import PARTS, UNREACHED, end_of
from tests.fault.campaign.faults import FAULTS
from tests.fault.campaign.points import BY_NAME, POINTS, owner_of
from tests.fault.campaign.races import race_of
from tests.fault.campaign.schedule import (
    CLOCKS,
    KINDS,
    KINDS_WITH_KAFKA,
    LONG,
    PROCESSES,
    SELDOM,
    SHORT,
    WAYS,
    WAYS_WITH_KAFKA,
    WITH_KAFKA,
    schedule,
)

MANY = 2500
LEEWAY = 10.0


def test_the_same_seed_gives_the_same_schedule() -> None:
    assert schedule(7, 200, kafka=True) == schedule(7, 200, kafka=True)
    assert schedule(7, 200, kafka=True) != schedule(8, 200, kafka=True)
    assert schedule(7, 200, kafka=True)[:50] == schedule(7, 50, kafka=True)
    assert [end_of(7, number) for number in range(200)] == [end_of(7, number) for number in range(200)]
    assert [race_of(7, number) for number in range(200)] == [race_of(7, number) for number in range(200)]


def test_every_fault_that_is_drawn_can_be_done() -> None:
    steps = schedule(1, MANY, kafka=True)
    assert {one.kind for one in steps} == KINDS.keys() | KINDS_WITH_KAFKA.keys() == FAULTS.keys()


def test_every_process_way_clock_and_point_comes_up() -> None:
    steps = schedule(1, MANY, kafka=True)

    def targets(*kinds: str) -> set[str]:
        return {one.target for one in steps if one.kind in kinds}

    everyone = {*PROCESSES, *WITH_KAFKA}
    assert targets("kill") == targets("pause") == everyone
    for kind in ("cut", "long_cut", "silent", "slow", "reset"):
        assert targets(kind) == {*WAYS, *WAYS_WITH_KAFKA}
    assert targets("clock_moved") == set(CLOCKS)
    assert {one.point for one in steps if one.kind == "point"} == BY_NAME.keys() - SELDOM
    assert {one.size for one in steps if one.kind == "clock_moved"} == {3600, -3600}


def test_without_kafka_nothing_of_it_is_drawn() -> None:
    steps = schedule(1, MANY, kafka=False)
    assert {one.kind for one in steps} == KINDS.keys()
    assert not any("kafka" in one.target or "relay" in one.target or "publish" in one.point for one in steps)


def test_long_cuts_alone_outlast_the_leeway() -> None:
    steps = schedule(1, MANY, kafka=True)
    assert {one.kind for one in steps if one.long} == {"long_cut"}
    assert all(LEEWAY < LONG[0] <= one.hold <= LONG[1] for one in steps if one.long)
    assert all(one.hold <= SHORT[1] < LEEWAY for one in steps if not one.long)


@pytest.mark.parametrize("seed", range(20))
def test_every_kind_comes_as_often_as_it_should_within_a_hundred_or_so(seed: int) -> None:
    kinds = KINDS | KINDS_WITH_KAFKA
    steps = schedule(seed, 2 * sum(kinds.values()), kafka=True)
    for half in (steps[: len(steps) // 2], steps[len(steps) // 2 :]):
        assert Counter(one.kind for one in half) == kinds


def test_lives_end_at_every_point_and_at_random() -> None:
    ends = Counter(end_of(1, number).point for number in range(MANY))
    assert ends.keys() == (BY_NAME.keys() - set(UNREACHED)) | {""}
    assert abs(ends[""] / MANY - PARTS["random"] / 100) < 0.05


def test_a_race_is_two_to_four_uses_over_both_processes() -> None:
    races = [race_of(1, number) for number in range(MANY)]
    assert {len(one.uses) for one in races} == {2, 3, 4}
    assert {one.kind for one in races} == {"current", "parent", "both"}
    assert all({where for _, where in one.uses} == {0, 1} for one in races)
    assert all({token for token, _ in one.uses} == {"parent", "child"} for one in races if one.kind == "both")


def test_points_are_named_once() -> None:
    assert len(BY_NAME) == len(POINTS)


def test_every_point_names_a_function_of_the_product() -> None:
    for point in POINTS:
        owner, name = owner_of(point)
        assert callable(getattr(owner, name, None)), point
