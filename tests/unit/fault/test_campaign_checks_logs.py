"""Every check of a campaign's logs fails where the history is broken in the way that it is there for."""

import msgspec
import pytest

from tests.fault.campaign.check import REFRESHED, Acknowledged
from tests.fault.campaign.judge import missed_reuse, unforeseen_reuse
from tests.unit.fault.story import ISSUED, Story, chained, taken


def test_a_log_that_is_well_breaks_nothing() -> None:
    watch, wrong = taken(Story().family().rotated(3).rows)
    assert wrong == []
    told = [Acknowledged("token.issued", "t1", 2), Acknowledged(REFRESHED, "t2", 3), Acknowledged(REFRESHED, "t3", 4)]
    assert watch.lost(told) == []


def test_a_row_that_is_missing_is_seen() -> None:
    rows = Story().family().rotated(3).rows
    assert any("follows 2" in one for one in taken(rows[:2] + rows[3:])[1])


def test_rows_that_changed_places_are_seen() -> None:
    rows = Story().family().rows
    assert taken([rows[1], rows[0], rows[2]])[1]


def test_a_row_that_was_changed_is_seen() -> None:
    rows = Story().family().rows
    changed = msgspec.structs.replace(rows[1], body=b'{"token_id":"another"}')
    assert any("hash" in one for one in taken([rows[0], changed, rows[2]])[1])


def test_a_version_that_stands_twice_is_seen() -> None:
    first, second = Story().add("client/a", "client.x").add("client/a", "client.x").rows
    again = chained(msgspec.structs.replace(second, version=1), first.chain_hash)
    assert any("version 1" in one for one in taken([first, again])[1])


def test_time_that_goes_back_is_seen() -> None:
    first, second = Story().add("client/a", "client.x").add("client/a", "client.x").rows
    earlier = chained(msgspec.structs.replace(second, time=first.time - 1), first.chain_hash)
    assert any("its time" in one for one in taken([first, earlier])[1])


def test_a_command_that_was_applied_twice_is_seen() -> None:
    story = Story().add("a/1", "x", "one").add("a/2", "x", "two").add("a/3", "x", "one")
    assert any("applied before" in one for one in taken(story.rows)[1])


def test_a_fact_that_stands_twice_is_seen() -> None:
    story = (
        Story().add("session/s", "session.revoked", session_id="s").add("session/s", "session.revoked", session_id="s")
    )
    assert any("stands at 1 already" in one for one in taken(story.rows)[1])


def test_two_lineages_are_seen() -> None:
    assert any("generation 2 of f follows 2" in one for one in taken(Story().family().rotated(2).rows)[1])


def test_an_answer_given_again_that_is_not_the_last_is_seen() -> None:
    story = Story().family().rotated(3)
    story.add("token/t9", "refresh.retried", token_id="t9", generation=2, family_id="f", **ISSUED)
    assert any("not its last" in one for one in taken(story.rows)[1])


def test_an_acknowledged_event_that_is_lost_or_stands_elsewhere_is_seen() -> None:
    watch, _ = taken(Story().family().rows)
    assert watch.lost([Acknowledged("token.issued", "t1", 2)]) == []
    assert len(watch.lost([Acknowledged("token.issued", "t1", 1), Acknowledged(REFRESHED, "t9", 3)])) == 2


@pytest.mark.parametrize(
    ("end", "body"),
    [
        ("family.revoked", {"family_id": "f"}),
        ("session.revoked", {"session_id": "ses_s"}),
        ("refresh.reuse_detected", {"family_id": "f"}),
        ("client.deleted", {"client_id": "app"}),
        ("key.compromised", {"key_id": "k"}),
    ],
)
def test_a_family_that_goes_on_after_its_end_is_seen(end: str, body: dict[str, str]) -> None:
    assert taken(Story().family().add("x/1", end, **body).rows)[1] == []
    assert any(" follows " in one for one in taken(Story().family().add("x/1", end, **body).rotated(3).rows)[1])


def test_a_replay_that_was_refused_and_ended_nothing_is_seen() -> None:
    watch, _ = taken(Story().family().add("family/f", "refresh.reuse_detected", family_id="f").rows)
    assert missed_reuse(watch, {"f": "k"}) == []
    assert missed_reuse(watch, {"g": "k"})


def test_reuse_that_nobody_provoked_is_seen() -> None:
    watch, _ = taken(Story().family().add("family/f", "refresh.reuse_detected", family_id="f").rows)
    assert unforeseen_reuse(watch, ["f"], []) == []
    assert unforeseen_reuse(watch, ["g"], [])
