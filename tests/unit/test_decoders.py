"""Decoders refuse what they do not read as they say that they do: with nothing else, without end of time or memory."""

import random
import time
from pathlib import Path

import psutil
import pytest

from tests.fuzzing.mutation import mutated
from tests.fuzzing.targets import TARGETS
from tests.harness.seeds import SEED, times

CORPUS = Path(__file__).parents[1] / "fuzzing/corpus"
RUNS = 1_000
HANG = 5.0
"""Seconds of this thread's own for one input, which takes a millisecond: nothing but a hang gets near."""
GROWTH = 32 * 1024 * 1024


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_right_is_read(name: str) -> None:
    TARGETS[name].read(TARGETS[name].seeds[0])
    for seed in TARGETS[name].seeds:
        TARGETS[name].check(seed)


@pytest.mark.parametrize("found", sorted(CORPUS.glob("*/*")), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_was_found_once_is_refused_or_read(found: Path) -> None:
    TARGETS[found.parent.name].check(found.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_wrong_is_refused_and_nothing_is_left_of_it(name: str) -> None:
    random_ = random.Random(f"{SEED}/{name}")
    try_some(name, random_, times(RUNS) // 2)
    before = psutil.Process().memory_info().rss
    try_some(name, random_, times(RUNS) // 2)
    assert psutil.Process().memory_info().rss - before < GROWTH


def try_some(name: str, random_: random.Random, count: int) -> None:
    target = TARGETS[name]
    for _ in range(count):
        data = mutated(random_, target.seeds)
        started, refused_rightly = time.thread_time(), False
        try:
            target.check(data)
            refused_rightly = True
        finally:
            if not refused_rightly:
                print(f"WATCHWORD_FUZZ_SEED={SEED}: {name} of {data!r}")
        assert time.thread_time() - started < HANG, data[:400]
