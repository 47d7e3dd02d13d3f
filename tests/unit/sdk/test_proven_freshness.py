"""Knowledge is as old as the newest echoed stamp whose head has been applied (RULES 4)."""

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sdk.fakes import SetClock
from watchword import Freshness
from watchword.freshness import MAX_PENDING

SECOND = 1_000_000_000


def test_nothing_is_known_before_an_echo_has_been_applied() -> None:
    freshness = Freshness()
    assert freshness.age_ns(SECOND) is None
    freshness.echoed(head=7, stamp_ns=1 * SECOND, time_us=0)
    freshness.applied(6)
    assert freshness.age_ns(2 * SECOND) is None
    freshness.applied(7)
    assert freshness.age_ns(3 * SECOND) == 2 * SECOND


def test_not_even_an_empty_log_is_known_before_it_has_been_applied() -> None:
    freshness = Freshness()
    freshness.echoed(head=0, stamp_ns=1, time_us=0)
    assert freshness.age_ns(2) is None
    freshness.applied(0)
    assert freshness.age_ns(2) == 1


def test_a_stopped_process_does_not_grow_young_on_heartbeats_that_waited_in_its_socket() -> None:
    clock, freshness = SetClock(), Freshness()
    freshness.applied(0)
    freshness.echoed(head=0, stamp_ns=clock(), time_us=0)
    in_socket = [clock() + second * SECOND for second in (1, 2)]
    clock.forward(3600)
    for stamp in in_socket:
        freshness.echoed(head=0, stamp_ns=stamp, time_us=0)
    assert freshness.age_ns(clock()) == 3598 * SECOND
    asked = clock()
    clock.forward(0.01)
    freshness.echoed(head=0, stamp_ns=asked, time_us=0)
    assert freshness.age_ns(clock()) == SECOND // 100


def test_an_echo_of_a_head_that_is_not_applied_makes_nothing_younger() -> None:
    freshness = Freshness()
    freshness.applied(5)
    freshness.echoed(head=5, stamp_ns=1 * SECOND, time_us=0)
    freshness.echoed(head=6, stamp_ns=9 * SECOND, time_us=0)
    assert freshness.age_ns(10 * SECOND) == 9 * SECOND
    assert (freshness.position, freshness.head) == (5, 6)


def test_a_stamp_that_was_never_sent_proves_nothing() -> None:
    freshness = Freshness()
    freshness.applied(0)
    freshness.echoed(head=0, stamp_ns=99 * SECOND, time_us=0)
    assert freshness.age_ns(1 * SECOND) is None


def test_the_time_of_the_newest_proof_is_kept() -> None:
    freshness = Freshness()
    freshness.applied(0)
    freshness.echoed(head=0, stamp_ns=2, time_us=20)
    freshness.echoed(head=0, stamp_ns=1, time_us=10)
    assert freshness.time_us == 20


STEPS = st.lists(
    st.tuples(st.just("echoed"), st.integers(0, 4)) | st.tuples(st.just("applied"), st.integers(0, 2)), max_size=40
)


@given(STEPS)
def test_age_is_that_of_the_newest_stamp_whose_head_has_been_applied(steps: list[tuple[str, int]]) -> None:
    freshness, head, position, echoes = Freshness(), 0, -1, list[tuple[int, int]]()
    for now, (what, by) in enumerate(steps, start=1):
        if what == "echoed":
            head += by
            echoes.append((head, now))
            freshness.echoed(head, now, 0)
        else:
            position = max(position, 0) + by
            freshness.applied(position)
        proven = [stamp for at, stamp in echoes if at <= position]
        assert freshness.age_ns(100) == (100 - max(proven) if proven else None)


def test_a_reader_that_never_catches_up_keeps_a_bounded_number_of_echoes() -> None:
    freshness = Freshness()
    for step in range(1, 10 * MAX_PENDING):
        freshness.echoed(head=step, stamp_ns=step, time_us=0)
    assert len(freshness._pending) == MAX_PENDING
    freshness.applied(10 * MAX_PENDING)
    assert freshness.age_ns(10 * MAX_PENDING) == 1
