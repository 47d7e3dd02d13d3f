"""The log's time between observations (RULES 3)."""

import pytest

from tests.unit.sdk.fakes import MICROSECONDS, SetClock
from watchword import LogClock, TimeUnknown, boot_ns


def test_it_refuses_to_guess_before_it_has_heard_a_time() -> None:
    clock = LogClock()
    assert not clock.known
    with pytest.raises(TimeUnknown):
        clock.now()


def test_it_goes_on_between_observations() -> None:
    monotonic = SetClock()
    clock = LogClock(monotonic)
    clock.observe(1000 * MICROSECONDS)
    monotonic.forward(2.5)
    assert clock.now() == 1002.5 * MICROSECONDS


def test_an_observation_that_was_late_does_not_set_it_back() -> None:
    monotonic = SetClock()
    clock = LogClock(monotonic)
    clock.observe(1000 * MICROSECONDS)
    monotonic.forward(3600)
    clock.observe(1001 * MICROSECONDS)
    assert 0 <= 4600 * MICROSECONDS - clock.now() <= 3.6 * MICROSECONDS
    clock.observe(4600 * MICROSECONDS)
    assert clock.now() == 4600 * MICROSECONDS


def test_it_follows_a_log_whose_clock_runs_slower() -> None:
    monotonic = SetClock()
    clock = LogClock(monotonic)
    for second in range(10_000):
        clock.observe(int(second * 0.9995 * MICROSECONDS))
        monotonic.forward(1)
    assert abs(clock.now() - 10_000 * 0.9995 * MICROSECONDS) < 0.01 * MICROSECONDS


def test_the_clock_of_stamps_never_goes_back() -> None:
    first = boot_ns()
    assert boot_ns() >= first
