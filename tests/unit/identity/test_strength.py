"""How hard a password is to guess, whoever is judged beside it."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.identity.adapters.strength import judge

NAMES = ["qxvzkwpjmtry", "wjfhgqzkxvbn", "zqkvjxwpfymh", "kzxqwvjhgfpt"]


@pytest.fixture
def turns() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_a_password_that_is_ones_own_name_is_weak_though_others_are_judged_at_the_same_time(turns: None) -> None:
    assert judge(NAMES[0], []).score > 2
    with ThreadPoolExecutor(len(NAMES)) as pool:
        scores = [judged.score for judged in pool.map(lambda name: judge(name, [name]), NAMES * 25)]
    assert set(scores) == {0}
