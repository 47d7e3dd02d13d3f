"""What is taken from the topic, and when it is relied on in place of the owner's stream (RULES 4, 5)."""

from collections.abc import Sequence

import pytest

from tests.unit.sdk.topics import Log, forged, other
from watchword.kafka.records import BadRecord, Heartbeat, Record
from watchword.kafka.tail import LAST_PAUSE, SECOND, Tail
from watchword.revocations import Revocation

What = Record | Heartbeat | BadRecord


class Reading:
    """A tail with its topic, its owner and its clock in the test's hands."""

    def __init__(self, log: Log, anchor: int | None = None) -> None:
        self.log = log
        self.tail = Tail()
        self.now = 100 * SECOND
        self.offset = 0
        self.snapshot(len(log.records) if anchor is None else anchor)

    def snapshot(self, position: int) -> list[Revocation]:
        return self.tail.anchor(position, self.log.hash_at(position), self.now)

    def take(self, *whats: What) -> list[Revocation | Heartbeat | None]:
        self.offset += len(whats)
        return [self.tail.take(self.offset + at, what, self.now) for at, what in enumerate(whats)]

    def pass_(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)
        self.tail.judge(self.now)

    def echo(self, head: int | None = None, reported: int | None = None) -> None:
        head = len(self.log.records) if head is None else head
        self.tail.heard(head, self.tail.position or 0 if reported is None else reported, self.now)

    def relied(self) -> "Reading":
        """After the topic has shown that it keeps up."""
        self.take(self.log.beat())
        self.pass_(0.1)
        assert self.tail.trouble is None
        return self


def log(events: int = 3) -> Log:
    made = Log()
    for _ in range(events):
        made.append()
    return made


def keys(found: Sequence[Revocation | Heartbeat | None]) -> list[str]:
    return [one.key for one in found if isinstance(one, Revocation)]


def test_the_owner_sends_revocations_itself_until_the_topic_has_shown_that_it_keeps_up() -> None:
    reading = Reading(log())
    reading.pass_(10)
    assert reading.tail.trouble == "starting"
    rounds = reading.tail.round
    reading.relied()
    assert reading.tail.round == rounds + 1


def test_a_topic_that_is_behind_is_not_relied_on_however_much_it_has() -> None:
    its = log()
    reading = Reading(its)
    for _ in range(5):
        late = its.append()
        reading.echo()
        reading.pass_(1.1)
        reading.take(late)
    assert (reading.tail.position, reading.tail.trouble) == (8, "starting")


def test_what_continues_the_snapshot_is_taken_and_what_is_known_is_dropped() -> None:
    its = log()
    reading = Reading(its, anchor=2)
    its.revoke("ses_9")
    assert keys(reading.take(*its.records, *its.records)) == ["ses_9"]
    assert reading.tail.position == 4
    assert reading.tail.noticed == {"record_repeated": 4}


def test_a_revocation_that_is_known_beyond_a_later_snapshot_is_kept() -> None:
    its = log()
    reading = Reading(its).relied()
    its.append()
    its.revoke("ses_9")
    reading.take(*its.records[3:])
    anchors = reading.tail.anchors
    assert [one.key for one in reading.snapshot(4)] == ["ses_9"]
    assert (reading.tail.position, reading.tail.anchors) == (5, anchors)


def test_a_snapshot_ahead_of_the_topic_needs_no_search_and_is_compared_once_the_topic_gets_there() -> None:
    its = log()
    reading = Reading(its).relied()
    anchors = reading.tail.anchors
    its.revoke("ses_9")
    its.append()
    reading.snapshot(5)
    assert keys(reading.take(*its.records[3:])) == ["ses_9"]
    assert (reading.tail.position, reading.tail.anchors, reading.tail.trouble) == (5, anchors, None)


def test_a_gap_ends_reliance_until_a_snapshot_bridges_it() -> None:
    its = log()
    reading = Reading(its).relied()
    its.append()
    its.revoke()
    assert keys(reading.take(its.records[4])) == []
    assert (reading.tail.trouble, reading.tail.position) == ("topic_trimmed", 3)
    anchors = reading.tail.anchors
    reading.snapshot(5)
    assert (reading.tail.position, reading.tail.anchors) == (5, anchors + 1)
    reading.pass_(1.1)
    reading.relied()


def test_a_record_that_does_not_continue_the_chain_is_not_taken_and_the_true_one_after_it_is() -> None:
    its = log()
    reading = Reading(its).relied()
    true = its.revoke("ses_true")
    assert keys(reading.take(forged(true, body=b'{"session_id":"ses_forged","reason":"x"}'))) == []
    assert (reading.tail.trouble, reading.tail.noticed) == ("chain_broken", {"record_corrupt": 1})
    assert keys(reading.take(true)) == ["ses_true"]
    reading.pass_(1.1)
    assert reading.tail.trouble is None


def test_a_record_that_nobody_of_ours_wrote_is_noticed_and_changes_nothing() -> None:
    its = log()
    reading = Reading(its).relied()
    assert keys(reading.take(BadRecord("no header"), its.revoke("ses_9"))) == ["ses_9"]
    assert (reading.tail.trouble, reading.tail.noticed) == (None, {"record_foreign": 1})


@pytest.mark.parametrize(("version", "body"), [(2, {"session_id": "ses_1"}), (1, {"session_id": 7})])
def test_a_revocation_that_cannot_be_read_is_asked_of_the_owner(version: int, body: dict[str, object]) -> None:
    its = log()
    reading = Reading(its).relied()
    reading.take(its.append("session.revoked", version, **body))
    assert (reading.tail.trouble, reading.tail.position) == ("record_unreadable", 3)
    reading.snapshot(4)
    assert reading.tail.position == 4
    reading.pass_(1.1)
    reading.relied()


def test_a_topic_that_lags_behind_an_echoed_head_for_more_than_a_second_is_left() -> None:
    its = log()
    reading = Reading(its).relied()
    its.append()
    reading.echo()
    reading.pass_(0.9)
    reading.take(its.records[3])
    reading.pass_(0.2)
    assert reading.tail.trouble is None
    its.append()
    reading.echo()
    reading.pass_(1.1)
    assert reading.tail.trouble == "topic_behind"


def test_a_topic_that_is_silent_for_three_seconds_is_left() -> None:
    reading = Reading(log()).relied()
    reading.pass_(2.9)
    assert reading.tail.trouble is None
    reading.pass_(0.2)
    assert reading.tail.trouble == "topic_lost"


def test_who_falls_back_often_waits_the_longer_before_it_returns() -> None:
    reading = Reading(log()).relied()
    waited = []
    for _ in range(8):
        reading.tail.lost("topic_lost", reading.now)
        began = reading.now
        while reading.tail.trouble is not None:
            reading.take(reading.log.beat())
            reading.pass_(0.5)
        waited.append(reading.now - began)
    assert waited[0] == SECOND
    assert waited == sorted(waited)
    assert waited[-1] == LAST_PAUSE


def test_a_head_below_what_came_from_the_topic_meanwhile_is_no_restored_log() -> None:
    its = log()
    reading = Reading(its).relied()
    reading.take(its.append())
    reading.echo(head=3, reported=3)
    assert (reading.tail.doubted, reading.tail.trouble) == (False, None)


def test_a_head_below_what_was_reported_with_its_stamp_puts_everything_in_doubt_until_a_snapshot() -> None:
    its = log()
    reading = Reading(its).relied()
    reading.take(its.append())
    reading.echo(head=3, reported=4)
    assert (reading.tail.doubted, reading.tail.position, reading.tail.trouble) == (True, None, "topic_of_another_log")
    reading.snapshot(3)
    assert (reading.tail.doubted, reading.tail.position) == (False, 3)


def test_a_forged_record_that_continues_the_chain_is_found_when_the_true_one_comes() -> None:
    its = log()
    reading = Reading(its).relied()
    reading.take(Log("stranger", [*its.records]).append())
    assert reading.tail.position == 4
    reading.take(its.revoke())
    assert reading.tail.doubted


def test_a_forged_record_that_continues_the_chain_is_found_by_what_the_owner_confirms() -> None:
    its = log()
    reading = Reading(its).relied()
    reading.take(Log("stranger", [*its.records]).append())
    its.revoke()
    reading.tail.confirm(4, its.hash_at(4), reading.now)
    assert reading.tail.doubted


def test_what_the_owner_said_beforehand_unmasks_a_forged_record_before_it_is_taken() -> None:
    its = log()
    reading = Reading(its).relied()
    stranger = Log("stranger", [*its.records]).append()
    its.revoke()
    reading.tail.confirm(4, its.hash_at(4), reading.now)
    assert reading.take(stranger) == [None]
    assert reading.tail.doubted


def test_another_record_of_a_position_that_the_owner_confirmed_casts_no_doubt() -> None:
    its = log()
    reading = Reading(its).relied()
    reading.take(other(its).records[2])
    assert (reading.tail.doubted, reading.tail.position) == (False, 3)
    assert reading.tail.trouble == "topic_of_another_log"
    assert reading.tail.noticed == {"record_foreign": 1}


def test_a_topic_of_another_log_is_never_relied_on() -> None:
    its = log()
    reading, strange = Reading(its), other(its)
    reading.take(*strange.records, strange.beat(), strange.append(), strange.beat())
    reading.pass_(1)
    assert reading.tail.trouble is not None
    assert reading.tail.position == 3


def test_a_heartbeat_counts_where_everything_up_to_it_was_taken() -> None:
    its = log()
    reading = Reading(its)
    beat = its.beat()
    assert reading.take(beat) == [beat]
    its.append()
    ahead = its.beat()
    assert reading.take(ahead) == [None]
    assert reading.take(its.records[3], ahead) == [None, ahead]
    assert reading.take(beat) == [None]


def test_an_owner_that_does_not_say_where_the_chain_goes_on_keeps_the_stream() -> None:
    its = log()
    reading = Reading(its).relied()
    reading.tail.adrift(reading.now)
    reading.take(its.append(), its.beat())
    reading.pass_(10)
    assert (reading.tail.trouble, reading.tail.position) == ("starting", None)
