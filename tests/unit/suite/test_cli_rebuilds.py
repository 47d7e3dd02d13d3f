"""A rebuild shows how far it is, and how long it will take."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from suite.commands.progress import Lines, time_left
from tests.unit.suite.small_suite import Small, small_suite
from watchword.log.v1.log_pb2 import Projection


@pytest.fixture
def suite(tmp_path: Path) -> Iterator[Small]:
    with small_suite(tmp_path) as small:
        yield small


def test_a_rebuild_says_how_far_it_is_beside_its_answer(suite: Small) -> None:
    suite.projections["token"].shown.append(Projection(name="families", applied=5000, head=5000, rebuilt=1200))
    result = suite.watchword("projections", "rebuild", "token", "families")
    assert result.exit_code == 0, result.output
    assert result.stderr == "token's families: 1,200 of 5,000 events\n"
    assert result.stdout == "token's families is made anew, up to position 5000.\n"


def test_a_line_each_ten_seconds_says_what_time_is_left_at_the_pace_so_far() -> None:
    times, said = iter((0.0, 5.0, 10.0, 19.0, 20.0)), list[str]()
    lines = Lines("it", "events", said.append, lambda: next(times))
    for done in (1000, 2000, 3000, 4000, 5000):
        lines.show(done, 20_000)
    assert said == [
        "it: 1,000 of 20,000 events",
        "it: 3,000 of 20,000 events, about 1 min 25 s left",
        "it: 5,000 of 20,000 events, about 1 min 15 s left",
    ]


def test_no_time_is_promised_before_there_is_a_pace() -> None:
    assert time_left(0, 0, 10) is None
    assert time_left(5, 0, 10) is None
    assert time_left(5, 10, 10) == "5 s"
