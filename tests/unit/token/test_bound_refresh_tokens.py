"""Refresh tokens that are bound to a key (RFC 9449 5): they do not rotate, and are of no use without it."""

import asyncio
from typing import Any

import pytest

from services.token.commands.awaited import asked_now
from services.token.commands.issue import Answered, Given, begin_family
from services.token.commands.issue import answer as signed_answer
from services.token.commands.refresh import refresh
from services.token.domain import DAY, SECOND
from services.token.domain.binding import UNBOUND, Binding
from services.token.domain.client import CLIENT, Client
from services.token.domain.errors import InvalidGrant
from tests.unit.token.presenting import CONFIDENTIAL, KEY, OTHER, PUBLIC, world
from tests.unit.token.world import IDENTITY, Process, World, claims_of, refresh_of

__all__ = ["world"]


async def began(world: World, client: Client, binding: Binding) -> Answered:
    """The first tokens of a family that is bound."""

    async def decide(attempt: Any) -> Any:
        own = await attempt.read(CLIENT, client.id)
        given = Given(scope="a b", audience=("x",), code_id="code_1", binding=binding)
        return await begin_family(attempt, own, world.session(client_id=client.id), given)

    outcome = await world.a.token.log.decide(IDENTITY, decide)
    return await signed_answer(world.a.token, outcome.value, outcome.position, outcome.time)


async def renewed(world: World, token: str, client: Client, binding: Binding, process: Process | None = None) -> Any:
    at, proven = (process or world.a).token, await world.known(client, process)
    return await refresh(at, proven, token, None, [], IDENTITY, asked_now(), binding)


@pytest.mark.parametrize("client", [PUBLIC, CONFIDENTIAL], ids=["public", "confidential"])
async def test_a_refresh_token_that_is_bound_does_not_rotate(world: World, client: Client) -> None:
    binding = Binding(KEY.thumbprint)
    first = await began(world, client, binding)
    seen = {first.answer.access_token}
    for process in (world.a, world.b) * 3:
        again = await renewed(world, refresh_of(first), client, binding, process)
        assert refresh_of(again) == refresh_of(first)
        assert claims_of(again)["cnf"] == {"jkt": KEY.thumbprint}
        assert again.answer.token_type == "DPoP"
        seen.add(again.answer.access_token)
        world.clock.forward(60)
    assert len(seen) == 7
    assert world.said()[-1] == "refresh.used"


async def test_many_may_use_a_bound_refresh_token_at_once(world: World) -> None:
    binding = Binding(KEY.thumbprint)
    first = await began(world, PUBLIC, binding)
    answers = await asyncio.gather(
        *(renewed(world, refresh_of(first), PUBLIC, binding, process) for process in (world.a, world.b) * 8)
    )
    assert {refresh_of(answer) for answer in answers} == {refresh_of(first)}
    assert len({claims_of(answer)["pos"] for answer in answers}) == 16


async def test_a_bound_refresh_token_is_of_no_use_without_the_key_and_ends_nothing(world: World) -> None:
    first = await began(world, PUBLIC, Binding(KEY.thumbprint))
    before = world.head
    for wrong in (UNBOUND, Binding(OTHER.thumbprint), Binding(x5t=KEY.thumbprint)):
        with pytest.raises(InvalidGrant, match="bound to a key"):
            await renewed(world, refresh_of(first), PUBLIC, wrong)
    assert world.head == before
    assert await renewed(world, refresh_of(first), PUBLIC, Binding(KEY.thumbprint))


async def test_a_client_that_proves_who_it_is_may_change_its_key_but_not_do_without(world: World) -> None:
    """RFC 9449 5."""
    first = await began(world, CONFIDENTIAL, Binding(KEY.thumbprint))
    with pytest.raises(InvalidGrant, match="bound to a key"):
        await renewed(world, refresh_of(first), CONFIDENTIAL, UNBOUND)
    again = await renewed(world, refresh_of(first), CONFIDENTIAL, Binding(OTHER.thumbprint))
    assert claims_of(again)["cnf"] == {"jkt": OTHER.thumbprint}


async def test_another_client_with_a_bound_refresh_token_is_a_thief(world: World) -> None:
    first = await began(world, PUBLIC, Binding(KEY.thumbprint))
    with pytest.raises(InvalidGrant):
        await renewed(world, refresh_of(first), CONFIDENTIAL, Binding(KEY.thumbprint))
    with pytest.raises(InvalidGrant, match="over"):
        await renewed(world, refresh_of(first), PUBLIC, Binding(KEY.thumbprint))


async def test_a_family_that_is_bound_idles_out_where_it_is_not_used(world: World) -> None:
    binding = Binding(KEY.thumbprint)
    first = await began(world, PUBLIC, binding)
    for _ in range(2):
        world.clock.forward(10 * DAY / SECOND)
        assert await renewed(world, refresh_of(first), PUBLIC, binding, world.process())
    world.clock.forward(11 * DAY / SECOND)
    with pytest.raises(InvalidGrant, match="over"):
        await renewed(world, refresh_of(first), PUBLIC, binding)


async def test_a_family_that_is_not_bound_rotates_also_if_its_next_token_is(world: World) -> None:
    first = await began(world, PUBLIC, UNBOUND)
    again = await renewed(world, refresh_of(first), PUBLIC, Binding(KEY.thumbprint))
    assert refresh_of(again) != refresh_of(first)
    assert again.answer.token_type == "DPoP"
