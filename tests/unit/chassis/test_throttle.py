"""Limits: so many attempts in any period, then refused until the next is free."""

import pytest

from chassis.throttle import Throttle
from eventlog.errors import Refusal


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_window_moves() -> None:
    clock = Clock()
    throttle = Throttle("trial", "2 per minute", clock)
    throttle.spend("a")
    clock.now += 30
    throttle.spend("a")
    with pytest.raises(Refusal, match="too_many_attempts") as raised:
        throttle.spend("a")
    assert raised.value.retry_after == 30
    assert raised.value.kind.http == 429
    clock.now += 30
    throttle.spend("a")
    with pytest.raises(Refusal):
        throttle.check("a")


def test_keys_are_apart_and_forgiven_one_by_one() -> None:
    throttle = Throttle("trial", "1 per minute", Clock())
    throttle.spend("a", "b")
    throttle.spend("ab")
    with pytest.raises(Refusal):
        throttle.spend("a", "b")
    throttle.forgive("a", "b")
    throttle.spend("a", "b")


def test_what_is_refused_takes_no_attempt() -> None:
    clock = Clock()
    throttle = Throttle("trial", "1 per second", clock)
    throttle.spend("a")
    for _ in range(5):
        with pytest.raises(Refusal):
            throttle.spend("a")
    clock.now += 1
    throttle.spend("a")


def test_old_keys_are_forgotten() -> None:
    clock = Clock()
    throttle = Throttle("trial", "1 per second", clock)
    for number in range(100):
        throttle.spend(str(number))
        clock.now += 1
    assert len(throttle._taken) <= 2
