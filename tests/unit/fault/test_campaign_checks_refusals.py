"""Every check of what a campaign's users were refused fails where nothing explains the refusal."""

import pytest

from tests.fault.campaign.check import SECOND
from tests.fault.campaign.judge import Refused, judge_refusals, missed_reuse
from tests.unit.fault.story import START, Story, taken


def refusal(after: float, ready: float = 0.0, presented: int = 1) -> Refused:
    """So long after generation 2 was given."""
    return Refused("f", "ses_s", "acc_a", presented, "token.0", START / SECOND + 2 + after, ready, "k")


def test_a_user_who_is_refused_within_the_leeway_is_seen() -> None:
    watch, _ = taken(Story().family().rows)
    judged = judge_refusals([refusal(3.0)], watch, frozenset(), [(0.0, 1e12)], 10.0)
    assert (judged.cost, len(judged.wrong)) == (0, 1)


def test_a_user_who_is_refused_soon_after_the_process_became_ready_is_seen() -> None:
    watch, _ = taken(Story().family().rows)
    late = refusal(30.0, ready=START / SECOND + 2 + 25.0)
    assert judge_refusals([late], watch, frozenset(), [(0.0, 1e12)], 10.0).wrong


def test_a_user_whose_current_token_is_refused_is_seen() -> None:
    watch, _ = taken(Story().family().rows)
    assert judge_refusals([refusal(3.0, presented=2)], watch, frozenset(), [], 10.0).wrong


def test_a_login_is_the_cost_of_a_long_cut_and_of_nothing_else() -> None:
    watch, _ = taken(Story().family().rows)
    begun = START / SECOND
    during = judge_refusals([refusal(15.0)], watch, frozenset(), [(begun, begun + 14)], 10.0)
    assert (during.cost, during.wrong) == (1, [])
    assert judge_refusals([refusal(15.0)], watch, frozenset(), [(begun + 100, begun + 114)], 10.0).wrong


@pytest.mark.parametrize("wished", ["f", "ses_s", "acc_a"])
def test_who_was_asked_to_go_is_refused_rightly(wished: str) -> None:
    watch, _ = taken(Story().family().rows)
    judged = judge_refusals([refusal(3.0)], watch, frozenset({wished}), [], 10.0)
    assert (judged.wished, judged.wrong) == (1, [])


@pytest.mark.parametrize(
    ("event", "body"),
    [
        ("key.compromised", {"key_id": "k"}),
        ("family.revoked", {"family_id": "f", "reason": "refresh_key_compromised"}),
    ],
)
def test_whose_key_was_dropped_is_refused_rightly(event: str, body: dict[str, str]) -> None:
    watch, _ = taken(Story().family().add("x/1", event, **body).rows)
    assert judge_refusals([refusal(3.0)], watch, frozenset(), [], 10.0).wrong == []
    assert missed_reuse(watch, {"f": "k"}) == []
    others = taken(Story().family().add("x/1", event, **body | {"key_id": "o", "reason": "o"}).rows)[0]
    assert judge_refusals([refusal(3.0)], others, frozenset(), [], 10.0).wrong
    assert missed_reuse(others, {"f": "k"})
