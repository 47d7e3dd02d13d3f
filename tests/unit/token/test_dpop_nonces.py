"""DPoP's nonces (RFC 9449 8): asked for, good in every process, and over with their span of time."""

import pytest

from eventlog.errors import Refusal
from services.token.adapters.nonces import SPAN, is_good, nonce
from services.token.domain import SECOND
from tests.unit.token.presenting import KEY, bound, refused, shown, world
from tests.unit.token.proving import bound_by, proof
from tests.unit.token.world import SERVICE, World

__all__ = ["world"]


async def test_a_nonce_is_asked_for_and_good_in_every_process() -> None:
    world = await World.made()
    request = shown(proof(world, KEY))
    with pytest.raises(Refusal) as refusal:
        await bound_by(world.a.token, request, SERVICE)
    assert (refusal.value.code, refusal.value.kind.http) == ("use_dpop_nonce", 400)
    ((name, given),) = request.scope["watchword.headers"]
    assert name == b"dpop-nonce"
    second = shown(proof(world, KEY, nonce=given.decode()))
    assert (await bound_by(world.b.token, second, SERVICE)).jkt == KEY.thumbprint
    assert second.scope["watchword.headers"] == request.scope["watchword.headers"]


async def test_a_nonce_ends_with_the_next_span_of_time() -> None:
    world = await World.made()
    first = await nonce(world.a.token.log)
    world.clock.forward(SPAN / SECOND)
    assert await is_good(world.b.token.log, first)
    assert await nonce(world.a.token.log) != first
    world.clock.forward(SPAN / SECOND)
    assert not await is_good(world.b.token.log, first)
    assert await refused(world, proof(world, KEY, nonce=first)) == "use_dpop_nonce"


async def test_a_nonce_that_another_made_is_none() -> None:
    world, other = await World.made(), await World.made()
    for wrong in (await nonce(other.a.token.log), "", "x", "A" * 32, (await nonce(world.a.token.log))[:-1] + "!"):
        assert await refused(world, proof(world, KEY, nonce=wrong)) == "use_dpop_nonce"


async def test_a_proof_that_lacks_its_nonce_can_come_again_with_it() -> None:
    world = await World.made()
    assert await refused(world, proof(world, KEY, jti="1")) == "use_dpop_nonce"
    assert await bound(world, proof(world, KEY, jti="1", nonce=await nonce(world.a.token.log)))
