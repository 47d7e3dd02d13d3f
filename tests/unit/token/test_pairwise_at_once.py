"""A family of a pairwise client that begins in one process while its session or account ends in the other is refused or
ended, however many begin; and whoever begins them holds up no revocation.
"""

import asyncio
from typing import Any

import pytest

from eventlog.log import Log
from services.token.commands import pairwise
from services.token.commands.issue import Answered
from services.token.domain.errors import InvalidGrant
from services.token.domain.events import FamilyRevoked, FamilyStarted, Issue
from tests.unit.token.authorizing import Browser
from tests.unit.token.leaving import House
from tests.unit.token.sectors import BANK, DIARY, enters
from tests.unit.token.test_pairwise_revocation import ENDS, End, _by_account, ended, noted
from tests.unit.token.world import ALICE, World, claims_of, refresh_of

MANY = 32


@pytest.fixture
async def world() -> World:
    return await World.made(DIARY, BANK)


async def _after(turns: int, end: Any) -> int:
    for _ in range(turns):
        await asyncio.sleep(0)
    position: int = await end
    return position


async def racing(world: World, turns: int, end: End) -> tuple[int, list[Answered]]:
    """The revocation's position, and what 32 codes and 32 refreshes around it were given."""
    who = Browser(world).alice()
    held = [await enters(world, (DIARY, BANK)[turn % 2], who) for turn in range(MANY)]
    codes = [await Browser(world, DIARY).code(who) for _ in range(MANY)]
    processes = (world.a, world.b)
    answers = await asyncio.gather(
        _after(turns, end(world, who)),
        *(Browser(world, DIARY, processes[turn % 2]).redeem(code) for turn, code in enumerate(codes)),
        *(
            world.refresh(refresh_of(one), processes[turn % 2], (DIARY, BANK)[turn % 2])
            for turn, one in enumerate(held)
        ),
        return_exceptions=True,
    )
    position = answers[0]
    assert isinstance(position, int), repr(position)
    for answer in answers[1:]:
        assert isinstance(answer, Answered | InvalidGrant), repr(answer)
    return position, [*held, *(answer for answer in answers if isinstance(answer, Answered))]


@pytest.mark.parametrize("tries", [pairwise.TRIES, 0])
@pytest.mark.parametrize("turns", [0, 9, 30])
@pytest.mark.parametrize("end", ENDS)
async def test_nothing_below_is_accepted_and_nothing_is_given_above(
    world: World, end: End, turns: int, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairwise, "TRIES", tries)
    position, given = await racing(world, turns, end)
    for one in given:
        assert claims_of(one)["pos"] < position
        assert await ended(world, one)
    assert not any(isinstance(event, Issue) for _, event in world.events(position))
    began = {event.family_id for _, event in world.events() if isinstance(event, FamilyStarted)}
    revoked = [event.family_id for _, event in world.events() if isinstance(event, FamilyRevoked)]
    assert sorted(revoked) == sorted(began), "each is ended, and once"


async def test_a_revocation_is_made_while_families_begin_without_a_pause(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In each moment between what it read and its append another family begins: it gives up waiting for a pause."""
    who = Browser(world).alice()
    codes = [await Browser(world, DIARY).code(who) for _ in range(pairwise.TRIES + 5)]
    given: list[Answered] = []
    store = Log._store

    async def overtaken(log: Log, by: Any, attempt: Any, value: Any, command_id: str | None) -> Any:
        if log is world.b.token.log and codes:
            try:
                given.append(await Browser(world, DIARY, world.a).redeem(codes.pop()))
            except InvalidGrant:
                codes.clear()
        return await store(log, by, attempt, value, command_id)

    monkeypatch.setattr(Log, "_store", overtaken)
    position = await _by_account(world, who)
    assert len(given) == pairwise.TRIES + 1
    assert all([await ended(world, one) for one in given])
    assert position == world.head
    assert await noted(world, ALICE) == []


@pytest.mark.parametrize("end", ENDS)
async def test_a_process_that_stops_in_the_middle_leaves_nothing_that_its_reaction_does_not_end(
    end: End, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(await World.made(DIARY, BANK))
    world, who = house.world, Browser(house.world).alice()
    given = [await enters(world, client, who) for client in (DIARY, BANK)]

    async def stopped(*_: Any, **__: Any) -> int:
        raise ConnectionError("the process is gone")

    monkeypatch.setattr(pairwise, "TRIES", 0)
    monkeypatch.setattr(pairwise, "end_left", stopped)
    with pytest.raises(ConnectionError):
        await end(world, who)
    assert not await ended(world, given[0])
    house.reacted = 0
    await house.reacts()
    assert [await ended(world, one) for one in given] == [True, True]
    before = world.head
    await house.reacts(times=2)
    assert world.said(before) == []


async def test_what_began_after_a_revocation_is_left_alone_by_its_reaction() -> None:
    house = House(await World.made(DIARY))
    world = house.world
    position = await _by_account(world, Browser(world).alice())
    again = await enters(world, DIARY, Browser(world).alice(seen=position))
    house.reacted = 0
    await house.reacts()
    assert not await ended(world, again)


async def test_families_that_begin_at_once_are_all_noted(world: World) -> None:
    who = Browser(world).alice()
    codes = [await Browser(world, DIARY).code(who) for _ in range(MANY)]
    given = await asyncio.gather(
        *(Browser(world, DIARY, (world.a, world.b)[turn % 2]).redeem(code) for turn, code in enumerate(codes))
    )
    for key in (ALICE, who.session_id):
        assert sorted(await noted(world, key)) == sorted(claims_of(one)["fam"] for one in given)
