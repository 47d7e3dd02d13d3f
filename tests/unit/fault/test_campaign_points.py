"""A campaign names the points that nothing passes any more."""

from tests.fault.campaign.components import ENOUGH, Tally


def test_a_point_that_nothing_passes_any_more_is_named() -> None:
    tally = Tally(seed=1)
    tally.meant.update({"append.sent": ENOUGH, "append.known": ENOUGH, "publish.sent": ENOUGH - 1})
    tally.kills.update({"append.sent": 1})
    assert tally.never_passed() == ["append.known"]
