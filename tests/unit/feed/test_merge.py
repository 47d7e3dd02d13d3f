"""What is taken from a topic and what from the owner, rule by rule (RULES 5)."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.events import Recorded
from eventlog.feed.merge import PATIENCE_NS, Merge
from watchword.chain import GENESIS, link
from watchword.kafka import BadRecord, Heartbeat, Record


def log(count: int, text: str = "a") -> list[Recorded]:
    """A log of that many events."""
    rows: list[Recorded] = []
    for position in range(1, count + 1):
        row = Recorded(
            position=position,
            stream="s",
            version=position,
            type="watchword.notes.written.v1",
            time=position,
            command_id="c",
            actor="a",
            correlation_id="k",
            body=text.encode(),
        )
        rows.append(msgspec.structs.replace(row, chain_hash=link(rows[-1].chain_hash if rows else GENESIS, row)))
    return rows


def record(row: Recorded) -> Record:
    fields = {name: getattr(row, name) for name in row.__struct_fields__ if name != "sealed"}
    return Record(log_id="l", service="notes", **fields)


def beat(row: Recorded) -> Heartbeat:
    return Heartbeat(log_id="l", service="notes", position=row.position, time=row.time, chain_hash=row.chain_hash)


def start() -> Merge:
    return Merge(0, GENESIS)


def trouble(merge: Merge) -> str | None:
    return merge.transport.trouble


def level(rows: Sequence[Recorded]) -> Merge:
    """One that reads the topic, level with these rows."""
    merge = start()
    merge.heard(len(rows), 0)
    for offset, row in enumerate(rows):
        assert merge.from_topic(offset, record(row)) == row
    merge.lives(beat(rows[-1]))
    merge.heard(len(rows), PATIENCE_NS)
    assert trouble(merge) is None
    return merge


def test_it_begins_with_the_owner_and_goes_over_once_the_topic_has_what_the_owner_had_a_second_ago() -> None:
    rows = log(2)
    merge = start()
    assert merge.from_owner(rows[0])
    assert merge.from_owner(rows[1])
    merge.heard(2, 0)
    merge.heard(2, PATIENCE_NS)
    assert trouble(merge) == "topic_behind"
    assert merge.from_topic(0, record(rows[0])) is None
    assert merge.from_topic(1, record(rows[1])) is None
    merge.heard(2, 2 * PATIENCE_NS)
    assert trouble(merge) == "topic_behind", "its relay may be dead, or another log's"
    merge.lives(beat(rows[1]))
    merge.heard(2, 3 * PATIENCE_NS)
    assert trouble(merge) is None
    assert merge.noticed == {}


def test_a_topic_that_lags_by_a_second_is_left() -> None:
    merge = level(log(2))
    merge.heard(3, 2 * PATIENCE_NS)
    merge.heard(3, 3 * PATIENCE_NS - 1)
    assert trouble(merge) is None
    merge.heard(4, 3 * PATIENCE_NS)
    assert trouble(merge) == "topic_behind"


def test_a_heartbeat_above_what_came_shows_that_something_is_missing() -> None:
    rows = log(3)
    merge = level(rows[:2])
    assert merge.from_topic(2, beat(rows[2])) is None
    assert trouble(merge) == "topic_behind"


def test_a_gap_is_the_owners_to_fill_before_the_topic_goes_on() -> None:
    rows = log(4)
    merge = level(rows[:1])
    assert merge.beyond(record(rows[3]), 2 * PATIENCE_NS)
    assert trouble(merge) == "topic_behind"
    assert merge.from_owner(rows[1])
    assert merge.from_owner(rows[2])
    assert not merge.beyond(record(rows[3]), 2 * PATIENCE_NS)
    assert merge.from_topic(3, record(rows[3])) == rows[3]


def test_a_topic_that_begins_above_the_checkpoint_was_trimmed() -> None:
    merge = start()
    assert merge.beyond(record(log(4)[3]), 0)
    assert trouble(merge) == "topic_trimmed"
    assert merge.noticed == {"topic_trimmed": 1}


def test_what_lies_above_the_owners_head_is_no_record_of_its_log() -> None:
    rows = log(2)
    merge = level(rows)
    far = msgspec.structs.replace(record(rows[1]), position=10)
    assert merge.beyond(far, 5 * PATIENCE_NS)
    merge.heard(2, 5 * PATIENCE_NS + 1)
    assert merge.beyond(far, 7 * PATIENCE_NS)
    merge.heard(2, 8 * PATIENCE_NS)
    assert not merge.beyond(far, 8 * PATIENCE_NS)
    assert merge.from_topic(2, far) is None
    assert merge.noticed == {"record_foreign": 1}


def test_what_a_restored_log_has_forgotten_is_not_taken_from_its_topic() -> None:
    rows = log(5)
    merge = start()
    for row in rows[:2]:
        merge.from_owner(row)
    merge.heard(2, 0)
    assert merge.from_topic(0, record(rows[1])) is None
    assert merge.from_topic(1, beat(rows[1])) is None, "an old one, of when this was the head"
    for now in (1, 2):
        merge.heard(2, now * PATIENCE_NS)
    assert merge.beyond(record(rows[2]), 2 * PATIENCE_NS)
    merge.heard(2, 3 * PATIENCE_NS)
    for forgotten in rows[2:]:
        assert not merge.beyond(record(forgotten), 3 * PATIENCE_NS)
        assert merge.from_topic(2, record(forgotten)) is None
        assert trouble(merge) == "topic_of_another_log"
    assert merge.position == 2
    other = log(3, "b")[2]
    assert merge.from_owner(msgspec.structs.replace(other, chain_hash=link(rows[1].chain_hash, other)))


def test_what_the_owner_has_not_told_of_yet_waits_for_it_until_the_relay_lives() -> None:
    rows = log(4)
    merge = start()
    merge.heard(1, 0)
    assert merge.from_topic(0, record(rows[0])) == rows[0]
    assert merge.beyond(record(rows[1]), 1)
    merge.heard(2, 2)
    assert not merge.beyond(record(rows[1]), 2)
    assert merge.from_topic(1, record(rows[1])) == rows[1]
    merge.lives(beat(rows[1]))
    for row in rows[2:]:
        assert not merge.beyond(record(row), 3)
        assert merge.from_topic(2, record(row)) == row


def test_a_forged_body_is_noticed_and_left_to_the_owner() -> None:
    rows = log(3)
    merge = level(rows[:2])
    assert merge.from_topic(2, msgspec.structs.replace(record(rows[2]), body=b"forged")) is None
    assert merge.noticed == {"record_corrupt": 1}
    assert trouble(merge) == "topic_behind"
    assert merge.position == 2
    assert merge.from_owner(rows[2])


def test_repeats_are_dropped_and_counted_and_what_the_owner_gave_first_is_no_repeat() -> None:
    rows = log(3)
    merge = level(rows[:2])
    assert merge.from_topic(2, record(rows[0])) is None
    assert merge.noticed == {"record_repeated": 1}
    assert merge.from_owner(rows[2])
    assert merge.from_topic(3, record(rows[2])) is None
    assert merge.noticed == {"record_repeated": 1}


def test_what_is_no_record_of_ours_is_counted_and_changes_nothing() -> None:
    merge = level(log(2))
    before = replace(merge, noticed={})
    assert merge.from_topic(2, BadRecord("no")) is None
    assert merge.noticed == {"record_foreign": 1}
    assert replace(merge, noticed={}) == before


@pytest.mark.parametrize("as_beat", [True, False])
def test_a_topic_of_another_log_is_said_and_left_until_it_is_ours_again(as_beat: bool) -> None:
    ours, theirs = log(2), log(2, "b")
    merge = level(ours)
    merge.from_topic(2, beat(theirs[1]) if as_beat else record(theirs[1]))
    assert trouble(merge) == "topic_of_another_log"
    merge.heard(2, 5 * PATIENCE_NS)
    merge.heard(2, 6 * PATIENCE_NS)
    assert trouble(merge) == "topic_of_another_log"
    merge.from_topic(3, beat(ours[1]))
    merge.lives(beat(ours[1]))
    merge.heard(2, 7 * PATIENCE_NS)
    assert trouble(merge) is None


def test_a_lost_cluster_is_said_and_what_was_known_of_its_topic_is_forgotten() -> None:
    rows = log(2)
    merge = level(rows)
    merge.lost()
    merge.heard(2, 5 * PATIENCE_NS)
    merge.heard(2, 6 * PATIENCE_NS)
    assert trouble(merge) == "topic_lost"
    merge.from_topic(0, record(rows[1]))
    merge.lives(beat(rows[1]))
    merge.heard(2, 7 * PATIENCE_NS)
    assert trouble(merge) is None
    assert merge.noticed == {"topic_lost": 1}


def test_the_offset_is_a_hint_only_where_the_last_event_came_from_the_topic() -> None:
    rows = log(2)
    merge = start()
    merge.heard(2, 0)
    merge.from_topic(7, record(rows[0]))
    assert merge.offset == 7
    merge.from_owner(rows[1])
    assert merge.offset is None


@given(st.data())
def test_however_the_two_are_mixed_each_position_comes_once_and_in_order(data: st.DataObject) -> None:
    rows = log(12)
    known: list[Record | Heartbeat | BadRecord] = [*map(record, rows), *map(beat, rows), BadRecord("no")]
    known += [msgspec.structs.replace(record(row), body=b"forged") for row in rows]
    topic = data.draw(st.lists(st.sampled_from(known), max_size=60))
    merge, taken, owner, now = start(), list[int](), 0, 0
    for offset, what in enumerate(topic):
        now += PATIENCE_NS // 2
        if data.draw(st.booleans()) or merge.beyond(what, now):
            merge.heard(len(rows), now)
            upto = data.draw(st.integers(owner, len(rows)))
            taken += [row.position for row in rows[owner:upto] if owner <= merge.position and merge.from_owner(row)]
            owner = max(owner, merge.position)
        if not merge.beyond(what, now):
            row = merge.from_topic(offset, what)
            taken += [] if row is None else [row.position]
            owner = max(owner, merge.position)
    assert taken == list(range(1, len(taken) + 1))
