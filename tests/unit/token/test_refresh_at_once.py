"""RULES 8: however many use one token at once, in whichever processes, there is one lineage and no other error."""

import asyncio
from collections import Counter

import msgspec
import pytest

from services.token.commands.issue import Answered
from services.token.domain.errors import InvalidGrant
from services.token.domain.keyring import REFRESH_RING
from tests.unit.token.world import APP, World, claims_of, refresh_of

MANY = 64
STRICT = msgspec.structs.replace(APP, id="strict", leeway=0)
OTHER = msgspec.structs.replace(APP, id="other")


@pytest.fixture
async def world() -> World:
    return await World.made(STRICT, OTHER)


async def at_once(
    world: World, presented: str, client_id: str = "app", thief: str | None = None
) -> list[Answered | BaseException]:
    """64 uses of one token over two processes, the first by `thief` where there is one."""
    clients = {one.id: one for one in (APP, STRICT, OTHER)}
    uses = [clients[client_id]] * MANY
    if thief is not None:
        uses[MANY // 2] = clients[thief]
    processes = (world.a, world.b)
    return await asyncio.gather(
        *(world.refresh(presented, processes[turn % 2], client) for turn, client in enumerate(uses)),
        return_exceptions=True,
    )


def given(answers: list[Answered | BaseException]) -> list[Answered]:
    """Those that were answered; the rest are invalid_grant and nothing else."""
    for answer in answers:
        assert isinstance(answer, Answered | InvalidGrant), repr(answer)
    return [answer for answer in answers if isinstance(answer, Answered)]


async def test_64_uses_within_the_leeway_give_one_successor_64_times(world: World) -> None:
    before = world.head
    answers = given(await at_once(world, refresh_of(await world.login())))
    assert len(answers) == MANY
    assert len({refresh_of(answer) for answer in answers}) == 1
    assert len({claims_of(answer)["jti"] for answer in answers}) == MANY
    assert len({answer.position for answer in answers}) == MANY
    assert Counter(world.said(before + 2)) == {"refresh.rotated": 1, "refresh.retried": MANY - 1}
    assert (await world.family(refresh_of(answers[0]))).generation == 2


async def test_64_uses_after_the_leeway_are_one_theft(world: World) -> None:
    first = refresh_of(await world.login())
    await world.refresh(first)
    world.clock.forward(11)
    before = world.head
    assert given(await at_once(world, first)) == []
    assert world.said(before) == ["refresh.reuse_detected", "family.revoked"]


async def test_64_uses_with_a_leeway_of_0_give_one_successor_at_most_and_end_the_family(world: World) -> None:
    first = refresh_of(await world.login(client_id="strict"))
    before = world.head
    answers = given(await at_once(world, first, "strict"))
    assert len(answers) == 1
    assert world.said(before) == ["refresh.rotated", "refresh.reuse_detected", "family.revoked"]
    with pytest.raises(InvalidGrant):
        await world.refresh(refresh_of(answers[0]), client=STRICT)


async def test_a_thief_among_64_ends_the_family_for_all(world: World) -> None:
    first = refresh_of(await world.login())
    before = world.head
    answers = given(await at_once(world, first, thief="other"))
    assert len({refresh_of(answer) for answer in answers}) <= 1
    said = world.said(before)
    assert said[-2:] == ["refresh.reuse_detected", "family.revoked"]
    assert Counter(said)["refresh.reuse_detected"] == 1
    assert all(answer.position < world.head for answer in answers)


async def test_64_uses_while_the_refresh_key_rotates_give_one_successor(world: World) -> None:
    first = refresh_of(await world.login())
    rotating = asyncio.gather(*(world.rotate(REFRESH_RING) for _ in range(3)))
    answers = given(await at_once(world, first))
    await rotating
    assert len(answers) == MANY
    assert len({refresh_of(answer) for answer in answers}) == 1


async def test_a_chain_of_races_is_one_lineage(world: World) -> None:
    current = refresh_of(await world.login())
    for generation in range(2, 6):
        answers = given(await at_once(world, current))
        (current,) = {refresh_of(answer) for answer in answers}
        assert (await world.family(current)).generation == generation
