"""RULES 7: a revocation wins over 64 refreshes and logins in flight in both processes, whenever among them it comes."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from services.token.commands.issue import Answered, start_family
from services.token.commands.revoke import (
    revoke_client,
    revoke_family,
    revoke_session,
    revoke_sessions_before,
    revoke_subject,
)
from services.token.commands.standing import Overtaken
from services.token.domain.errors import InvalidGrant, SessionOver
from services.token.domain.events import FamilyStarted, Issue
from services.token.domain.revocation import Before
from tests.unit.token.world import ALICE, IDENTITY, World, claims_of, refresh_of
from watchword.errors import TokenRefused

MANY, LOGINS = 64, 16
SESSION = "ses_shared"
Revoke = Callable[[World], Awaitable[int]]


async def _family(world: World) -> int:
    family = next(event.family_id for _, event in world.events() if isinstance(event, FamilyStarted))
    return await revoke_family(world.b.token, family, "test", IDENTITY)


async def _session(world: World) -> int:
    return await revoke_session(world.b.token, SESSION, "test", IDENTITY)


async def _subject(world: World) -> int:
    return await revoke_subject(world.b.token, ALICE, "test", IDENTITY)


async def _before(world: World) -> int:
    return await revoke_sessions_before(world.b.token, ALICE, Before(1_000, None, 0), "test", IDENTITY)


async def _client(world: World) -> int:
    return await revoke_client(world.b.token, "app", "test", IDENTITY)


async def _after(turns: int, revoke: Awaitable[int]) -> int:
    for _ in range(turns):
        await asyncio.sleep(0)
    return await revoke


async def _login(world: World, turn: int) -> Answered | Overtaken:
    new = world.session(session_id=SESSION, session_position=10, seen=0)
    return await start_family((world.a, world.b)[turn % 2].token, new, IDENTITY)


async def racing(world: World, turns: int, revoke: Revoke, one_family: bool) -> tuple[int, list[Answered]]:
    """The revocation's position, and what 64 refreshes and 16 logins around it were given."""
    started = [await world.login(session_id=SESSION, session_position=10, seen=0) for _ in range(MANY)]
    held = [started[0] if one_family else one for one in started]
    answers = await asyncio.gather(
        _after(turns, revoke(world)),
        *(world.refresh(refresh_of(one), (world.a, world.b)[turn % 2]) for turn, one in enumerate(held)),
        *(_login(world, turn) for turn in range(LOGINS)),
        return_exceptions=True,
    )
    position = answers[0]
    assert isinstance(position, int)
    for answer in answers[1:]:
        assert isinstance(answer, Answered | InvalidGrant | SessionOver | Overtaken), repr(answer)
    return position, [*started, *(answer for answer in answers if isinstance(answer, Answered))]


@pytest.mark.parametrize("one_family", [True, False])
@pytest.mark.parametrize("turns", [0, 3, 5])
@pytest.mark.parametrize("revoke", [_family, _session, _subject, _before, _client])
async def test_nothing_below_is_accepted_and_nothing_above_was_decided_without_it(
    revoke: Revoke, turns: int, one_family: bool
) -> None:
    world = await World.made()
    position, given = await racing(world, turns, revoke, one_family)
    began = {event.family_id: row.position for row, event in world.events() if isinstance(event, FamilyStarted)}
    named = {claims_of(given[0])["fam"]} if revoke is _family else set(began)
    for answered in given:
        claims = claims_of(answered)
        if claims["fam"] not in named:
            continue
        if claims["pos"] < position:
            await refused_everywhere(world, answered)
        else:
            # Only what a revoked client is given anew, from a family that began above it.
            assert revoke is _client
            assert began[claims["fam"]] > position
    above = {str(event.family_id) for _, event in world.events(position) if isinstance(event, Issue)} & named
    assert all(revoke is _client and began[family] > position for family in above)


async def refused_everywhere(world: World, answered: Answered) -> None:
    for process in (world.a, world.b):
        with pytest.raises(TokenRefused, match="revoked"):
            await process.verified(answered.answer.access_token)
        with pytest.raises(InvalidGrant):
            await world.refresh(refresh_of(answered), process)


async def test_a_login_after_the_answer_works_in_both_processes_in_the_same_second() -> None:
    world = await World.made()
    position, _ = await racing(world, 6, _subject, one_family=False)
    for process in (world.a, world.b):
        again = await world.login(process, seen=position)
        await process.verified(again.answer.access_token)
        await world.refresh(refresh_of(again), process)
