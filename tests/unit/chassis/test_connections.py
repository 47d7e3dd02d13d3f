"""Who is connected over HTTP, and who is let go: those that wait longest where all places are taken, and the stuck."""

import resource
from dataclasses import dataclass

import pytest

from chassis.connections import PACE, PATIENCE, Places, Stuck, judged, places


@dataclass(eq=False)
class Known:
    """A connection of which everything is set."""

    idle: float | None = None
    lost: bool = False
    waiting: int = 0
    dropped: bool = False

    def idle_since(self) -> float | None:
        return self.idle

    def adrift(self) -> bool:
        return self.lost

    def unread(self) -> int:
        return self.waiting

    def drop(self) -> None:
        self.dropped = True


def test_as_many_as_there_are_places_lose_nothing() -> None:
    guests = {Known(idle=float(number)) for number in range(16)}
    assert not Places(guests, 16).full(next(iter(guests)))
    assert not [one for one in guests if one.dropped]


def test_where_all_places_are_taken_those_that_wait_longest_make_room() -> None:
    newcomer = Known(idle=0.0)
    guests = [Known(idle=float(number)) for number in range(16, 0, -1)]
    assert not Places([*guests, newcomer], 16).full(newcomer)
    assert [one.idle for one in guests if one.dropped] == [2.0, 1.0]
    assert not newcomer.dropped


def test_where_everybody_is_at_work_there_is_no_room_for_another() -> None:
    newcomer, guests = Known(idle=20.0), [Known(idle=None) for _ in range(16)]
    assert Places({*guests, newcomer}, 16).full(newcomer)
    assert not [one for one in guests if one.dropped]


@pytest.mark.parametrize(
    ("before", "unread", "adrift", "remembered"),
    [
        (None, 0, False, None),
        (Stuck(0, 9), 0, False, None),
        (None, 0, True, Stuck(10, 0)),
        (Stuck(5, 0), 0, True, Stuck(5, 0)),
        (None, 7_000, False, Stuck(10, 7_000)),
        (Stuck(5, 7_000), 7_000, False, Stuck(5, 7_000)),
        (Stuck(5, 7_000), 8_000, False, Stuck(5, 7_000)),
        (Stuck(5, 7_000), 7_000 - 5 * PACE + 1, False, Stuck(5, 7_000)),
        (Stuck(5, 7_000), 7_000 - 5 * PACE, False, Stuck(10, 7_000 - 5 * PACE)),
    ],
)
def test_what_is_remembered_at_second_10(
    before: Stuck | None, unread: int, adrift: bool, remembered: Stuck | None
) -> None:
    assert judged(before, 10, unread, adrift) == remembered


def test_who_does_not_move_is_let_go_once_patience_is_over() -> None:
    now = [0.0]
    reads, stays, adrift, works = Known(waiting=500_000), Known(waiting=500_000), Known(lost=True), Known()
    seats = Places({reads, stays, adrift, works}, 16, clock=lambda: now[0])
    while now[0] < PATIENCE:
        seats.look()
        assert [stays.dropped, adrift.dropped] == [False, False]
        now[0] += 5
        reads.waiting -= 5 * PACE
    seats.look()
    assert (reads.dropped, stays.dropped, adrift.dropped, works.dropped) == (False, True, True, False)


@pytest.mark.parametrize(
    ("limits", "raised", "found"),
    [
        ((1024, 1024), 1024, 512),
        ((1024, 524_288), 18_944, 16_384),
        ((1024, 4_096), 4_096, 2_048),
        ((1024, 16_384), 16_384, 13_824),
        ((524_288, 524_288), None, 16_384),
    ],
)
def test_places_are_as_many_as_there_are_descriptors_for(
    limits: tuple[int, int], raised: int | None, found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_to: list[tuple[int, tuple[int, int]]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda *arguments: set_to.append(arguments))
    assert places() == found
    assert set_to == ([] if raised is None else [(resource.RLIMIT_NOFILE, (raised, limits[1]))])
