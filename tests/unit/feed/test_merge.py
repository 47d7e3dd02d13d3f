"""What is taken from a topic and what from the owner, rule by rule (RULES 5)."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventlog.events import Recorded
from eventlog.feed.merge import MOST_HELD, PATIENCE_NS, Merge
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


def hear(merge: Merge, rows: Sequence[Recorded], now: int) -> list[Recorded]:
    """The owner says that its log ends with these rows; what that proves."""
    merge.heard(len(rows), rows[-1].chain_hash if rows else GENESIS, now - 1, now)
    return merge.proven()


def level(rows: Sequence[Recorded]) -> Merge:
    """One that reads the topic, level with these rows."""
    merge = start()
    for offset, row in enumerate(rows):
        merge.from_topic(offset, record(row), 0)
    assert hear(merge, rows, 10) == list(rows)
    hear(merge, rows, 10 + PATIENCE_NS)
    assert trouble(merge) is None
    return merge


LATER = 2 * PATIENCE_NS


def test_it_begins_with_the_owner_and_goes_over_once_the_topic_has_what_the_owner_had_a_second_ago() -> None:
    rows = log(2)
    merge = start()
    assert merge.from_owner(rows[0])
    assert merge.from_owner(rows[1])
    hear(merge, rows, 0)
    hear(merge, rows, PATIENCE_NS)
    assert trouble(merge) == "topic_behind"
    merge.from_topic(0, record(rows[0]), 0)
    merge.from_topic(1, record(rows[1]), 0)
    hear(merge, rows, LATER)
    assert trouble(merge) is None
    assert merge.noticed == {}


def test_an_event_of_the_topic_is_taken_once_the_owner_has_proven_the_chain_up_to_it_or_above() -> None:
    rows = log(5)
    merge = level(rows[:1])
    for row in rows[1:4]:
        merge.from_topic(row.position, record(row), LATER)
        assert merge.proven() == []
    assert hear(merge, rows[:3], LATER + 1) == rows[1:3]
    assert hear(merge, rows, LATER + 3) == []
    merge.from_topic(5, record(rows[4]), LATER + 4)
    assert merge.proven() == rows[3:]
    assert (merge.position, merge.offset) == (5, 5)


def test_a_strangers_event_that_continues_the_chain_is_dropped_when_the_owner_has_another_there() -> None:
    rows = log(2)
    merge = level(rows[:1])
    forged = msgspec.structs.replace(rows[1], body=b"forged")
    forged = msgspec.structs.replace(forged, chain_hash=link(rows[0].chain_hash, forged))
    merge.from_topic(1, record(forged), LATER)
    merge.from_topic(2, record(rows[1]), LATER)
    assert hear(merge, rows, LATER + 2) == []
    assert merge.noticed == {"record_repeated": 1, "record_corrupt": 1}
    assert trouble(merge) == "topic_behind"
    assert merge.from_owner(rows[1])


def test_a_strangers_event_is_dropped_when_the_owner_gives_another() -> None:
    rows = log(3)
    merge = level(rows[:1])
    forged = msgspec.structs.replace(rows[1], body=b"forged")
    forged = msgspec.structs.replace(forged, chain_hash=link(rows[0].chain_hash, forged))
    merge.from_topic(1, record(forged), LATER)
    assert merge.from_owner(rows[1])
    assert merge.noticed == {"record_corrupt": 1}
    merge.from_topic(2, record(rows[2]), LATER)
    assert hear(merge, rows, LATER + 2) == rows[2:]


def test_what_a_restored_log_has_forgotten_is_not_taken_from_its_topic() -> None:
    rows = log(5)
    merge = start()
    for row in rows[:2]:
        merge.from_owner(row)
    for offset, row in enumerate(rows):
        merge.from_topic(offset, record(row), 5)
    assert len(merge.held) == 3
    merge.heard(2, rows[1].chain_hash, 4, 6)
    assert merge.held, "that head may have been read before they were written"
    assert hear(merge, rows[:2], 10) == []
    assert not merge.held
    assert merge.noticed == {"record_foreign": 1}
    other = log(3, "b")[2]
    assert merge.from_owner(msgspec.structs.replace(other, chain_hash=link(rows[1].chain_hash, other)))


def test_what_is_held_is_bounded_and_the_topic_waits() -> None:
    rows = log(MOST_HELD + 2)
    merge = start()
    for row in rows[:MOST_HELD]:
        assert not merge.beyond(record(row), 0)
        merge.from_topic(row.position, record(row), 0)
    assert merge.beyond(record(rows[MOST_HELD]), 0)
    assert merge.from_owner(rows[0])
    assert not merge.beyond(record(rows[MOST_HELD]), 0)


def test_a_topic_that_lags_by_a_second_is_left() -> None:
    rows = log(4)
    merge = level(rows[:2])
    hear(merge, rows[:3], 10 + LATER)
    hear(merge, rows[:3], 9 + LATER + PATIENCE_NS)
    assert trouble(merge) is None
    hear(merge, rows, 10 + LATER + PATIENCE_NS)
    assert trouble(merge) == "topic_behind"


def test_a_heartbeat_above_what_came_shows_that_something_is_missing() -> None:
    rows = log(3)
    merge = level(rows[:2])
    merge.from_topic(2, beat(rows[2]), LATER)
    assert trouble(merge) == "topic_behind"


def test_a_gap_is_the_owners_to_fill_before_the_topic_goes_on() -> None:
    rows = log(4)
    merge = level(rows[:1])
    assert merge.beyond(record(rows[3]), LATER)
    assert trouble(merge) == "topic_behind"
    assert merge.from_owner(rows[1])
    assert merge.from_owner(rows[2])
    assert not merge.beyond(record(rows[3]), LATER)
    merge.from_topic(3, record(rows[3]), LATER)
    assert hear(merge, rows, LATER + 2) == rows[3:]


def test_a_topic_that_begins_above_the_checkpoint_was_trimmed() -> None:
    merge = start()
    assert merge.beyond(record(log(4)[3]), 1)
    assert trouble(merge) == "topic_trimmed"
    assert merge.noticed == {"topic_trimmed": 1}


def test_what_lies_above_the_owners_head_is_no_record_of_its_log() -> None:
    rows = log(2)
    merge = level(rows)
    far = msgspec.structs.replace(record(rows[1]), position=10)
    assert merge.beyond(far, LATER)
    merge.heard(2, rows[1].chain_hash, LATER - 1, LATER + 1)
    assert merge.beyond(far, LATER + 1), "that head may have been read before it was written"
    merge.heard(2, rows[1].chain_hash, LATER + 1, LATER + 2)
    assert not merge.beyond(far, LATER + 2)
    merge.from_topic(2, far, LATER + 2)
    assert merge.noticed == {"record_foreign": 1}


def test_a_forged_body_is_noticed_and_left_to_the_owner() -> None:
    rows = log(3)
    merge = level(rows[:2])
    merge.from_topic(2, msgspec.structs.replace(record(rows[2]), body=b"forged"), LATER)
    assert hear(merge, rows, LATER + 2) == []
    assert merge.noticed == {"record_corrupt": 1}
    assert trouble(merge) == "topic_behind"
    assert merge.from_owner(rows[2])


def test_repeats_are_dropped_and_counted_and_what_the_owner_gave_first_is_no_repeat() -> None:
    rows = log(3)
    merge = level(rows[:2])
    merge.from_topic(2, record(rows[0]), LATER)
    assert merge.noticed == {"record_repeated": 1}
    assert merge.from_owner(rows[2])
    merge.from_topic(3, record(rows[2]), LATER)
    assert merge.noticed == {"record_repeated": 1}
    assert hear(merge, rows, LATER + 2) == []


def test_what_is_no_record_of_ours_is_counted_and_changes_nothing() -> None:
    merge = level(log(2))
    before = replace(merge, noticed={})
    merge.from_topic(2, BadRecord("no"), LATER)
    assert merge.noticed == {"record_foreign": 1}
    assert replace(merge, noticed={}) == before


@pytest.mark.parametrize("as_beat", [True, False])
def test_a_topic_of_another_log_is_said_and_left_until_it_is_ours_again(as_beat: bool) -> None:
    ours, theirs = log(2), log(2, "b")
    merge = level(ours)
    merge.from_topic(2, beat(theirs[1]) if as_beat else record(theirs[1]), LATER)
    assert trouble(merge) == "topic_of_another_log"
    hear(merge, ours, 5 * PATIENCE_NS)
    hear(merge, ours, 6 * PATIENCE_NS)
    assert trouble(merge) == "topic_of_another_log"
    merge.from_topic(3, beat(ours[1]), 6 * PATIENCE_NS)
    hear(merge, ours, 7 * PATIENCE_NS)
    assert trouble(merge) is None


def test_a_lost_cluster_is_said_and_what_was_known_of_its_topic_is_forgotten() -> None:
    rows = log(3)
    merge = level(rows[:2])
    merge.from_topic(2, record(rows[2]), LATER)
    merge.lost()
    assert hear(merge, rows, 5 * PATIENCE_NS) == []
    hear(merge, rows, 6 * PATIENCE_NS)
    assert trouble(merge) == "topic_lost"
    merge.from_topic(0, record(rows[2]), 6 * PATIENCE_NS)
    assert hear(merge, rows, 7 * PATIENCE_NS) == rows[2:]
    hear(merge, rows, 8 * PATIENCE_NS)
    assert trouble(merge) is None
    assert merge.noticed == {"topic_lost": 1}


def test_a_topic_that_is_not_there_yet_was_not_lost() -> None:
    merge = start()
    merge.lost()
    assert trouble(merge) == "topic_lost"
    assert merge.noticed == {}


def test_the_offset_is_a_hint_only_where_the_last_event_came_from_the_topic() -> None:
    rows = log(2)
    merge = start()
    merge.from_topic(7, record(rows[0]), 0)
    hear(merge, rows[:1], 2)
    assert merge.offset == 7
    merge.from_owner(rows[1])
    assert merge.offset is None


@given(st.data())
def test_however_the_two_are_mixed_each_true_event_comes_once_and_in_order(data: st.DataObject) -> None:
    rows, others = log(12), log(12, "b")
    known: list[Record | Heartbeat | BadRecord] = [*map(record, rows), *map(beat, rows), BadRecord("no")]
    known += [msgspec.structs.replace(record(row), body=b"forged") for row in rows] + list(map(record, others))
    merge, taken, sent = start(), list[Recorded](), 0
    for now, what in enumerate(data.draw(st.lists(st.sampled_from(known), max_size=60))):
        match data.draw(st.sampled_from(["topic", "owner", "proof"])):
            case "owner":
                upto = data.draw(st.integers(sent, len(rows)))
                taken += [row for row in rows[merge.position : upto] if merge.from_owner(row)]
                sent = max(sent, upto)
            case "proof":
                taken += hear(merge, rows[: data.draw(st.integers(merge.position, len(rows)))], now * PATIENCE_NS // 2)
        if not merge.beyond(what, now):
            merge.from_topic(now, what, now * PATIENCE_NS // 2)
            taken += merge.proven()
    assert taken == rows[: len(taken)]
