"""RULES 1: what is appended at once comes out as one after the other, in every interleaving."""

from collections.abc import Sequence
from itertools import combinations_with_replacement

import pytest

from tests.races.depth import deeper, explore_all
from tests.races.explore import Broken, Make, Race, explore, replay
from tests.races.purses import Doing, Earn, Look, Spend, SpendUnguarded, Take, open_log, purses_at_once
from tests.races.stores import HastyStore, SlowStore

KINDS: list[Doing] = [Spend("one"), Spend("two"), Earn("one"), Earn("two", "again"), Take("n"), Look("one")]
PAIRS = list(combinations_with_replacement(KINDS, 2))


def at_once(
    *doings: tuple[str, Doing],
    requests: Sequence[str] = (),
    answers: Sequence[str] = (),
    store: type[SlowStore] = SlowStore,
    read: str = "",
    coins: int = 1,
) -> Make:
    """Commands, each in a process of its own or in the same. Who is in `read` has read how many coins there are.

    The requests and answers named are lost once, and the command is sent again.
    """

    async def make() -> Race:
        held = store(clock=lambda: 1)
        logs = {process: open_log(held) for process, _ in doings}
        for _ in range(coins):
            await Earn("one").run(open_log(held), "start")
        for process in read:
            await Look("one").run(logs[process], "start")
        held.lose(requests, answers)
        return await purses_at_once(held, logs, doings)

    return make


def test_two_commands_in_two_processes() -> None:
    explore_all("append, 2 commands in 2 processes", [at_once(("a", one), ("b", other)) for one, other in PAIRS])


def test_what_a_process_remembers_refuses_nothing_before_it_is_confirmed() -> None:
    races = [at_once(("a", Earn("one")), ("b", Spend(purse)), read="b", coins=0) for purse in ("one", "two")]
    explore_all("append, a command in a process that remembers what was", races)


def test_what_is_read_afresh_is_not_what_a_slow_reader_brings_back() -> None:
    """Found by thought, for four in one process are too many to explore: the second look forgets what the command left
    behind, the first one remembers what it had read before that, and the last one must not answer with it.
    """
    race = at_once(("a", Look("one")), ("a", Look("one")), ("a", Earn("one")), ("a", Look("one")))
    replay(race, "0a 0a 0a 0a 1a 1a 2a 2a 2a 2a 2a 3a 3a 1a 0a 3a 1a 1a")


def test_two_commands_in_one_process() -> None:
    explore_all("append, 2 commands in 1 process", [at_once(("a", one), ("a", other)) for one, other in PAIRS])


def test_three_commands_in_three_processes() -> None:
    triples: list[tuple[Doing, ...]] = [(Spend("one"), Spend("two"), Earn("two")), (Take("n"), Take("n"), Take("n"))]
    more = combinations_with_replacement(KINDS, 3)
    races = [at_once(*zip("abc", three, strict=True)) for three in deeper(triples, more)]
    explore_all("append, 3 commands in 3 processes", races)


def test_three_commands_in_two_processes() -> None:
    some = [at_once(("a", Earn("one")), ("a", Look("one")), ("b", Spend("one")))]
    more = [
        at_once(("a", Spend("one")), ("b", Spend("two")), ("a", Earn("two"))),
        at_once(("a", Take("n")), ("b", Take("n")), ("a", Take("n"))),
        at_once(("a", Look("two")), ("b", Earn("two", "again")), ("a", Earn("two", "again"))),
    ]
    explore_all("append, 3 commands in 2 processes", deeper(some, more))


def test_four_commands_in_four_processes() -> None:
    some: list[list[Doing]] = [[Earn("one"), Earn("two", "again"), Earn("two", "again"), Take("n")]]
    more: list[list[Doing]] = [[Take("n")] * 4, [Spend("one"), Spend("two"), Earn("one"), Earn("two")]]
    races = [at_once(*zip("abcd", four, strict=True)) for four in deeper(some, more)]
    explore_all("append, 4 commands in 4 processes", races)


LOST = [(["0a"], []), ([], ["0a"]), (["0a"], ["0a"]), (["1b"], ["0a"]), ([], ["0a", "0a", "1b"])]


def test_lost_requests_and_answers_are_settled_by_sending_again() -> None:
    kinds: list[Doing] = [Spend("one"), Take("n"), Earn("two", "again")]
    races = [
        at_once(("a", one), ("b", one), requests=requests, answers=answers)
        for one in kinds
        for requests, answers in LOST
    ]
    explore_all("append, 2 commands in 2 processes, requests and answers lost", races)


def test_two_commands_in_one_process_callback_by_callback() -> None:
    every = [at_once(("a", Earn("one")), ("a", Earn("one")), read="a")]
    more = [at_once(("a", Earn("one")), ("a", Look("one"))), at_once(("a", Take("n")), ("a", Earn("one")), read="a")]
    explore_all("append, 2 commands in 1 process, callback by callback", deeper([], every + more), fine=True)


def test_a_command_that_does_not_name_what_it_saw_is_found() -> None:
    broken = at_once(("a", SpendUnguarded("one")), ("b", SpendUnguarded("two")))
    with pytest.raises(Broken) as found:
        explore(broken)
    with pytest.raises(Broken):
        replay(broken, found.value.schedule)


def test_a_store_that_looks_and_then_stores_is_found() -> None:
    with pytest.raises(Broken):
        explore(at_once(("a", Spend("one")), ("b", Spend("two")), store=HastyStore))
