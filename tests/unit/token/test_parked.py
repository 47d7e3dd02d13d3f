"""RULES 6: where an event of identity's log could not be applied, nothing is given to what it may have ended."""

from collections.abc import Awaitable

import pytest

from eventlog.errors import Kind, Refusal
from services.token.domain.errors import InvalidGrant, Reused
from services.token.queries import Asker, introspect
from tests.unit.token.world import ALICE, World, refresh_of

OWN = Asker("app", frozenset())
STREAMS = [f"account/{ALICE}", "session/ses_x"]


@pytest.fixture
async def world() -> World:
    return await World.made()


async def refused(attempt: Awaitable[object]) -> tuple[Kind, str]:
    with pytest.raises(Refusal) as refusal:
        await attempt
    return refusal.value.kind, refusal.value.code


@pytest.mark.parametrize("stream", STREAMS)
async def test_nothing_is_issued_to_what_hangs_from_a_parked_stream_until_it_is_applied(
    world: World, stream: str
) -> None:
    presented = refresh_of(await world.login(session_id="ses_x"))
    world.parked.streams = frozenset({stream})
    before = world.head
    for process in (world.a, world.b):
        assert await refused(world.refresh(presented, process)) == (Kind.UNAVAILABLE, "parked")
        assert await refused(world.login(process, session_id="ses_x")) == (Kind.UNAVAILABLE, "parked")
    assert world.head == before
    world.parked.streams = frozenset()
    assert (await world.refresh(presented)).answer.refresh_token


@pytest.mark.parametrize("stream", STREAMS)
async def test_it_is_not_active_meanwhile(world: World, stream: str) -> None:
    given = (await world.login(session_id="ses_x")).answer
    await world.a.follow()
    for streams, active in ((frozenset[str](), True), (frozenset({stream}), False)):
        world.parked.streams = streams
        for presented in (given.access_token, given.refresh_token or ""):
            assert (await introspect(world.a.token, world.a.verifier, presented, OWN))["active"] is active


async def test_others_go_on(world: World) -> None:
    presented = refresh_of(await world.login(session_id="ses_x"))
    world.parked.streams = frozenset({"account/acc_bob", "session/ses_y", "username/alice"})
    assert (await world.refresh(presented)).answer.refresh_token
    assert (await world.login(session_id="ses_x")).answer.refresh_token


async def test_reuse_is_detected_all_the_same(world: World) -> None:
    first = refresh_of(await world.login(session_id="ses_x"))
    second = refresh_of(await world.refresh(first))
    await world.refresh(second)
    world.parked.streams = frozenset(STREAMS)
    with pytest.raises(Reused):
        await world.refresh(first)
    with pytest.raises(InvalidGrant):
        await world.refresh(second)
