"""A campaign names what it was meant to do and never did."""

from tests.fault.campaign import faults
from tests.fault.campaign.components import ENOUGH, Tally


def test_a_point_that_nothing_passes_any_more_is_named() -> None:
    tally = Tally(seed=1)
    tally.meant.update({"append.sent": ENOUGH, "append.known": ENOUGH, "publish.sent": ENOUGH - 1})
    tally.kills.update({"append.sent": 1})
    assert tally.never_passed() == ["append.known"]


def test_a_kind_of_fault_that_never_strikes_is_named() -> None:
    struck = faults.Struck()
    struck.meant.update({"kill": faults.ENOUGH, "clock_moved": faults.ENOUGH, "cut": faults.ENOUGH - 1})
    struck.done.update({"kill": 1})
    assert struck.never() == ["clock_moved"]
