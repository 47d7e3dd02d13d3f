"""RULES 8: the key that a generation records derives and verifies it, however often keys have rotated since."""

from collections.abc import AsyncIterator

import pytest

from services.token.adapters.refresh_secrets import refresh_token
from services.token.commands.keys import drop_by_command, end_families_of_dropped_keys, rotate_by_command
from services.token.domain import DAY
from services.token.domain.events import RefreshRotated
from services.token.domain.family import LIFE
from services.token.domain.keyring import REFRESH_RING, signing_ring
from tests.unit.token.world import IDENTITY, World, header_of, refresh_of, refused


@pytest.fixture
async def world() -> World:
    return await World.made()


async def test_key_rotations_between_a_refresh_and_its_retry_give_the_same_successor(world: World) -> None:
    first = refresh_of(await world.login())
    lost = await world.refresh(first)
    for _ in range(3):
        await world.rotate(REFRESH_RING)
        await world.rotate(signing_ring("ES256"))
    again = await world.refresh(first, world.b)
    assert refresh_of(again) == refresh_of(lost)
    assert header_of(again)["kid"] != header_of(lost)["kid"]


async def test_a_new_generation_is_derived_by_the_new_key_and_records_it(world: World) -> None:
    first = refresh_of(await world.login())
    await world.rotate(REFRESH_RING)
    second = refresh_of(await world.refresh(first))
    third = refresh_of(await world.refresh(second))
    keys = [token.split(".")[1] for token in (first, second, third)]
    assert keys[0] != keys[1] == keys[2]
    assert [event.refresh_key for _, event in world.events() if isinstance(event, RefreshRotated)] == keys[1:]


async def test_only_the_recorded_key_verifies_a_generation(world: World) -> None:
    first = refresh_of(await world.login())
    await world.rotate(REFRESH_RING)
    second = refresh_of(await world.refresh(first))
    by_the_old = await refresh_token(world.a.token.vault, first.split(".")[1], first.split(".")[2], 2)
    by_the_new = await refresh_token(world.a.token.vault, second.split(".")[1], first.split(".")[2], 1)
    assert await refused(world, by_the_old) == []
    assert await refused(world, by_the_new) == []
    await world.refresh(second)


async def test_a_compromised_refresh_key_is_dropped_at_once_and_its_families_end(world: World) -> None:
    of_it, moved_on = refresh_of(await world.login()), refresh_of(await world.login())
    key = of_it.split(".")[1]
    family = await world.family(of_it)

    async def families_of(key_id: str) -> AsyncIterator[list[str]]:
        yield [family.id] if key_id == key else []

    before = world.head
    await rotate_by_command(world.b.token, [REFRESH_RING], True, families_of, IDENTITY)
    assert world.said(before) == ["key.published", "key.activated", "key.compromised", "family.revoked"]
    assert await refused(world, of_it) == []
    assert await refused(world, moved_on) == []
    assert (await world.login()).answer.refresh_token is not None


async def test_what_a_dropped_key_derived_is_looked_for_as_long_as_a_family_can_live(world: World) -> None:
    asked: list[str] = []

    async def families_of(key_id: str) -> AsyncIterator[list[str]]:
        asked.append(key_id)
        yield []

    key = refresh_of(await world.login()).split(".")[1]
    await world.rotate(REFRESH_RING, compromised=True)
    world.clock.time += LIFE
    await end_families_of_dropped_keys(world.b.token, families_of, IDENTITY)
    assert asked == [key]
    world.clock.time += 2 * DAY
    await end_families_of_dropped_keys(world.b.token, families_of, IDENTITY)
    assert asked == [key]


async def test_a_family_that_has_moved_to_another_key_survives_the_compromise_of_its_first(world: World) -> None:
    first = refresh_of(await world.login())
    await world.rotate(REFRESH_RING)
    second = refresh_of(await world.refresh(first))
    await world.rotate(REFRESH_RING)
    third = refresh_of(await world.refresh(second))
    await world.rotate(REFRESH_RING, compromised=True)
    assert await refused(world, third) == []
    await world.refresh(refresh_of(await world.login()))


async def test_an_older_refresh_key_is_dropped_by_its_id_and_the_active_one_stays(world: World) -> None:
    of_it, of_the_active = refresh_of(await world.login()), ""
    await world.rotate(REFRESH_RING)
    of_the_active = refresh_of(await world.login())
    family = await world.family(of_it)

    async def families_of(key_id: str) -> AsyncIterator[list[str]]:
        yield [family.id] if key_id == of_it.split(".")[1] else []

    before = world.head
    assert await drop_by_command(world.b.token, of_it.split(".")[1], families_of, IDENTITY) == world.head
    assert world.said(before) == ["key.compromised", "family.revoked"]
    assert await refused(world, of_it) == []
    assert refresh_of(await world.refresh(of_the_active)).split(".")[1] == of_the_active.split(".")[1]


async def test_no_successor_is_given_again_whose_key_was_dropped(world: World) -> None:
    first = refresh_of(await world.login())
    await world.rotate(REFRESH_RING)
    await world.refresh(first)
    await world.rotate(REFRESH_RING, compromised=True)
    assert await refused(world, first, process=world.b) == []
