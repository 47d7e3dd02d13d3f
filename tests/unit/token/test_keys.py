"""RULES 8, 9: keys are published, active, verifying only and gone, and nothing breaks on rotation."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from eventlog.errors import Refusal, unavailable
from services.token.commands.keys import (
    RINGS,
    all_keys,
    drop_by_command,
    ensure_keys,
    keep_rings,
    rotate_by_command,
    rotate_ring,
)
from services.token.domain import DAY, MINUTE, SECOND
from services.token.domain.events import events
from services.token.domain.keyring import ALGORITHMS, KEYRING, MAX_KEYS, REFRESH_RING, signing_ring
from services.token.queries import OwnKeys
from services.token.schedule import Schedule
from tests.unit.token.world import IDENTITY, World, header_of, refresh_of, refused
from watchword.errors import TokenRefused
from watchword.jwks import MAX_BYTES

ES256 = signing_ring("ES256")


@pytest.fixture
async def world() -> World:
    return await World.made()


async def states(world: World, ring: str = ES256) -> list[str]:
    return [key.state for key in (await world.b.token.log.fresh(KEYRING, ring)).keys]


def noted(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the keys that come into the vault from now on."""
    names, put = [], world.wrapped.put

    async def noting(name: str, wrapped: bytes) -> None:
        names.append(name)
        await put(name, wrapped)

    monkeypatch.setattr(world.wrapped, "put", noting)
    return names


async def nobody(key_id: str) -> AsyncIterator[list[str]]:
    yield []


async def test_a_signing_key_is_published_before_it_signs(world: World) -> None:
    assert await states(world) == ["active", "published"]
    jwks = await OwnKeys(world.b.token).jwks()
    published = {key["kid"] for key in jwks["keys"]}
    await world.rotate(ES256)
    assert header_of(await world.login())["kid"] in published


async def test_a_key_is_parsed_once_however_often_the_set_is_asked_for(world: World) -> None:
    keys = OwnKeys(world.b.token)
    kid = (await keys.jwks())["keys"][0]["kid"]
    parsed = await keys.key(kid)
    await world.rotate(ES256)
    await keys.jwks()
    assert parsed is not None
    assert await keys.key(kid) is parsed


async def test_old_tokens_keep_verifying_after_a_rotation(world: World) -> None:
    before = await world.login()
    for _ in range(3):
        await world.rotate(ES256)
        after = await world.login()
        for process in (world.a, world.b):
            await process.verified(before.answer.access_token)
            await process.verified(after.answer.access_token)
        assert header_of(after)["kid"] != header_of(before)["kid"]


async def test_a_ring_never_has_more_keys_than_a_verifier_reads(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.token.domain.keyring.MAX_KEYS", 3)
    await world.rotate(ES256)
    made = noted(world, monkeypatch)
    with pytest.raises(Refusal) as refusal:
        await world.rotate(ES256)
    assert refusal.value.code == "too_many_keys"
    assert [await world.wrapped.get(name) for name in made] == [None], "what was made for it is gone"
    assert await states(world) == ["verifying", "active", "published"]
    await world.rotate(ES256, compromised=True)
    assert await states(world) == ["verifying", "compromised", "active", "published"]
    world.clock.forward(2 * 3600)
    await keep_rings(world.a.token, IDENTITY)
    await world.rotate(ES256)


async def test_the_set_of_all_keys_that_may_be_published_is_one_that_a_verifier_reads() -> None:
    world = await World.made(algs=ALGORITHMS)
    await ensure_keys(world.a.token, IDENTITY)
    of_each = {key["alg"]: key for key in (await OwnKeys(world.a.token).jwks())["keys"]}
    assert of_each.keys() == set(ALGORITHMS)
    assert len(msgspec.json.encode({"keys": [key for key in of_each.values() for _ in range(MAX_KEYS)]})) < MAX_BYTES


async def test_both_processes_sign_with_the_new_key_from_the_next_token_on(world: World) -> None:
    await world.login(world.a)
    await world.login(world.b)
    await world.rotate(ES256)
    assert header_of(await world.login(world.a))["kid"] == header_of(await world.login(world.b))["kid"]


async def test_a_key_verifies_longer_than_token_life_and_jwks_cache_life_and_is_then_gone(world: World) -> None:
    await world.rotate(ES256)
    old = next(key for key in await all_keys(world.a.token) if key.state == "verifying")
    world.clock.time += 65 * MINUTE
    await keep_rings(world.b.token, IDENTITY)
    assert old.id in {key["kid"] for key in (await OwnKeys(world.a.token).jwks())["keys"]}
    world.clock.time += 10 * MINUTE
    await keep_rings(world.b.token, IDENTITY)
    assert await states(world) == ["gone", "active", "published"]
    assert old.id not in {key["kid"] for key in (await OwnKeys(world.a.token).jwks())["keys"]}
    assert await world.process().token.vault.secret(old.id, "signing") is None


async def test_a_refresh_key_verifies_until_the_last_family_that_uses_it_has_ended(world: World) -> None:
    first = refresh_of(await world.login())
    await world.rotate(REFRESH_RING)
    world.clock.time += 14 * DAY - SECOND
    await keep_rings(world.a.token, IDENTITY)
    await world.refresh(first, world.b)
    world.clock.time += 17 * DAY + SECOND
    await keep_rings(world.a.token, IDENTITY)
    assert await states(world, REFRESH_RING) == ["gone", "active"]
    assert await world.process().token.vault.secret(first.split(".")[1], "refresh") is None


async def test_keys_rotate_by_themselves_after_90_days_and_once_in_two_processes(world: World) -> None:
    await keep_rings(world.a.token, IDENTITY)
    assert await states(world) == ["active", "published"]
    world.clock.time += 90 * DAY
    await asyncio.gather(keep_rings(world.a.token, IDENTITY), keep_rings(world.b.token, IDENTITY))
    assert await states(world) == ["verifying", "active", "published"]
    assert await states(world, REFRESH_RING) == ["verifying", "active"]


async def test_two_processes_that_start_at_once_make_each_key_once() -> None:
    world = World()
    await asyncio.gather(ensure_keys(world.a.token, IDENTITY), ensure_keys(world.b.token, IDENTITY))
    for ring in RINGS:
        assert await states(world, ring) == (["active"] if ring == REFRESH_RING else ["active", "published"])
    kept = {name.partition("/")[2] for name in world.wrapped._wrapped}
    assert kept == {key.id for key in await all_keys(world.a.token)}
    before = world.head
    await ensure_keys(world.b.token, IDENTITY)
    assert world.head == before


async def test_a_compromised_signing_key_is_a_revocation_and_leaves_the_jwks_at_once(world: World) -> None:
    before = await world.login()
    await world.a.verified(before.answer.access_token)
    kid = header_of(before)["kid"]
    await rotate_by_command(world.b.token, [ES256], True, nobody, IDENTITY)
    assert kid not in {key["kid"] for key in (await OwnKeys(world.b.token).jwks())["keys"]}
    for process in (world.a, world.b):
        with pytest.raises(TokenRefused):
            await process.verified(before.answer.access_token)
    after = await world.refresh(refresh_of(before))
    await world.a.verified(after.answer.access_token)


@pytest.mark.parametrize(
    ("state", "after"),
    [
        ("verifying", ["compromised", "active", "published"]),
        ("active", ["verifying", "compromised", "active", "published"]),
        ("published", ["verifying", "active", "compromised", "published"]),
    ],
)
async def test_a_compromised_signing_key_is_named_and_its_ring_goes_on(
    world: World, state: str, after: list[str]
) -> None:
    await world.rotate(ES256)
    ring = await world.b.token.log.fresh(KEYRING, ES256)
    named = next(key for key in ring.keys if key.state == state)
    await drop_by_command(world.b.token, named.id, nobody, IDENTITY)
    assert await states(world) == after
    assert named.id not in {key["kid"] for key in (await OwnKeys(world.a.token).jwks())["keys"]}
    assert header_of(await world.login())["kid"] != named.id
    kept = {name.partition("/")[2] for name in world.wrapped._wrapped}
    assert kept == {key.id for key in await all_keys(world.a.token)}


@pytest.mark.parametrize("dropped", [False, True])
async def test_a_key_that_verifies_nothing_cannot_be_named(world: World, dropped: bool) -> None:
    key = (await all_keys(world.a.token))[0].id if dropped else "nobody"
    if dropped:
        await drop_by_command(world.a.token, key, nobody, IDENTITY)
    before = world.head
    with pytest.raises(Refusal) as refusal:
        await drop_by_command(world.a.token, key, nobody, IDENTITY)
    assert refusal.value.code == "unknown_key"
    assert world.head == before


async def test_every_compromised_refresh_key_ends_its_families_also_where_an_earlier_command_did_not_get_so_far(
    world: World,
) -> None:
    started = refresh_of(await world.login())
    key, family = started.split(".")[1:3]

    async def families_of(key_id: str) -> AsyncIterator[list[str]]:
        yield [family] if key_id == key and not (await world.family(started)).revoked_at else []

    async def no_answer(key_id: str) -> AsyncIterator[list[str]]:
        yield []
        raise TimeoutError

    with pytest.raises(TimeoutError):
        await rotate_by_command(world.a.token, [REFRESH_RING], True, no_answer, IDENTITY)
    assert not (await world.family(started)).revoked_at
    await rotate_by_command(world.a.token, [REFRESH_RING], True, families_of, IDENTITY)
    assert (await world.family(started)).revoked_at


async def test_a_compromised_refresh_key_is_dropped_where_its_families_cannot_be_named_yet_and_they_end_by_the_clock(
    world: World,
) -> None:
    started = refresh_of(await world.login())
    key, family = started.split(".")[1:3]

    async def behind(key_id: str) -> AsyncIterator[list[str]]:
        yield []
        raise unavailable("not_yet_applied", "the table of families lags behind: ask again")

    async def families_of(key_id: str) -> AsyncIterator[list[str]]:
        yield [family] if key_id == key else []

    before = world.head
    assert await rotate_by_command(world.a.token, [REFRESH_RING], True, behind, IDENTITY) == world.head
    assert world.said(before) == ["key.published", "key.activated", "key.compromised"]
    assert await refused(world, started) == []
    await Schedule(world.b.token, families_of, [])._tick()
    assert (await world.family(started)).revoked_at
    assert await states(world, REFRESH_RING) == ["compromised", "active"]


async def test_a_rotation_that_does_not_hold_keeps_no_key(world: World) -> None:
    kept = set(world.wrapped._wrapped)
    assert await rotate_ring(world.a.token, ES256, False, IDENTITY, lambda ring: False) == 0
    assert set(world.wrapped._wrapped) == kept


async def test_a_key_that_another_process_made_is_found(world: World) -> None:
    keys = OwnKeys(world.b.token)
    await keys.jwks()
    await world.rotate(ES256)
    await world.rotate(ES256)
    assert await keys.key(header_of(await world.login(world.a))["kid"]) is not None
    assert await keys.key("nobody") is None


async def test_a_jwks_holds_public_members_only(world: World) -> None:
    for key in (await OwnKeys(world.a.token).jwks())["keys"]:
        assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert all(b'"d"' not in row.body for row in world.store.rows)


def test_the_refresh_ring_is_no_signing_ring() -> None:
    assert REFRESH_RING not in {signing_ring(alg) for alg in ("ES256", "RS256", "PS256", "EdDSA")}
    assert events.service == "token"
