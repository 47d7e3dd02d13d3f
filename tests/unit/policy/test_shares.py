"""Owners and shares: what was given may be given on where that was allowed, and falls with what it came of."""

from collections.abc import Mapping

import pytest

from eventlog.errors import Refusal
from tests.unit.policy.world import World

ALICE, BOB, CAROL, DAVE = (f"account/acc_{name}" for name in ("alice", "bob", "carol", "dave"))
FIRST = {
    "kind": "share",
    "id": "s1",
    "resource": "document/9",
    "by": ALICE,
    "to": BOB,
    "actions": ["document.*"],
    "pass_on": True,
}
SECOND = FIRST | {"id": "s2", "by": BOB, "to": CAROL, "actions": ["document.read"], "under": "s1"}
THIRD = SECOND | {"id": "s3", "by": CAROL, "to": DAVE, "under": "s2", "pass_on": False}


@pytest.fixture
async def world() -> World:
    """Alice owns document/9, and it was passed on to Dave."""
    world = World()
    world.meet("acc_alice", "acc_bob", "acc_carol", "acc_dave")
    await world.say({"kind": "group", "id": "staff"})
    await world.say({"kind": "owner", "resource": "document/9", "owner": ALICE})
    await world.say(FIRST, SECOND, THIRD)
    return world


async def refused(world: World, fact: Mapping[str, object]) -> str:
    with pytest.raises(Refusal) as refusal:
        await world.say(fact)
    assert refusal.value.code == "may_not_share"
    return refusal.value.detail


async def test_an_owner_may_do_everything_with_the_resource_itself(world: World) -> None:
    await world.say({"kind": "parent", "resource": "page/1", "parent": "document/9"})
    assert world.may(ALICE, "document.burn", "document/9") == "allowed"
    assert world.may(ALICE, "page.read", "page/1") == "no_matching_role"


async def test_a_group_that_owns_a_resource_owns_it_by_its_members(world: World) -> None:
    await world.say({"kind": "owner", "resource": "document/9", "owner": "group/staff"})
    assert world.may(ALICE, "document.burn", "document/9") == "no_matching_role"
    await world.say({"kind": "membership", "member": ALICE, "group": "staff"})
    assert world.may(ALICE, "document.burn", "document/9") == "allowed"


async def test_a_share_gives_its_actions_there_and_within(world: World) -> None:
    await world.say({"kind": "parent", "resource": "page/1", "parent": "document/9"})
    assert world.may(BOB, "document.write", "document/9") == "allowed"
    assert world.may(BOB, "document.write", "page/1") == "allowed"
    assert world.may(BOB, "page.read", "page/1") == "no_matching_role"
    assert world.may(DAVE, "document.read", "document/9") == "allowed"
    assert world.may(DAVE, "document.write", "document/9") == "no_matching_role"


@pytest.mark.parametrize("taken", ["s1", "s2", "s3"])
async def test_taking_back_a_share_takes_back_all_that_came_of_it(world: World, taken: str) -> None:
    await world.unsay({"kind": "share", "resource": "document/9", "id": taken})
    left = [one for one, who in (("s1", BOB), ("s2", CAROL), ("s3", DAVE)) if one < taken]
    for share, who in (("s1", BOB), ("s2", CAROL), ("s3", DAVE)):
        expected = "allowed" if share in left else "no_matching_role"
        assert world.may(who, "document.read", "document/9") == expected


async def test_what_was_passed_on_narrows_with_the_share_on_which_it_rests(world: World) -> None:
    await world.say(FIRST | {"actions": ["document.write"]})
    assert world.may(BOB, "document.write", "document/9") == "allowed"
    assert world.may(CAROL, "document.read", "document/9") == "no_matching_role"
    await world.say(FIRST | {"expires_at": "1972-09-27T12:00:00Z"})
    assert world.may(DAVE, "document.read", "document/9") == "allowed"
    world.clock.time += 86_400_000_000
    assert world.may(DAVE, "document.read", "document/9") == "no_matching_role"


async def test_a_share_to_a_group_is_one_to_its_members(world: World) -> None:
    await world.say(FIRST | {"id": "s4", "to": "group/staff"})
    assert world.may("client/billing", "document.read", "document/9") == "no_matching_role"
    await world.say({"kind": "membership", "member": "client/billing", "group": "staff"})
    assert world.may("client/billing", "document.read", "document/9") == "allowed"
    await world.say(FIRST | {"id": "s5", "by": "client/billing", "to": "client/other", "under": "s4"})
    assert world.may("client/other", "document.read", "document/9") == "allowed"


async def test_only_the_owner_shares_of_its_own(world: World) -> None:
    assert await refused(world, FIRST | {"id": "s4", "by": BOB, "to": CAROL}) == (
        "document/9 is owned by account/acc_alice, not by account/acc_bob"
    )
    assert "owned by nobody" in await refused(world, FIRST | {"resource": "document/10"})


async def test_what_one_was_not_given_one_does_not_give_on(world: World) -> None:
    assert await refused(world, SECOND | {"id": "s4", "actions": ["page.read"]}) == "share s1 does not give page.read"
    assert await refused(world, SECOND | {"id": "s4", "actions": ["*"]}) == "share s1 does not give *"
    assert "not to account/acc_dave" in await refused(world, SECOND | {"id": "s4", "by": DAVE})
    passed = THIRD | {"id": "s4", "by": DAVE, "under": "s3"}
    assert await refused(world, passed) == "share s3 is not there, or may not be passed on"
    assert "not there" in await refused(world, SECOND | {"id": "s4", "under": "s9"})


async def test_shares_do_not_hold_each_other_up(world: World) -> None:
    await world.unsay({"kind": "share", "resource": "document/9", "id": "s1"})
    for under in ("s2", "s3", "s1"):
        await refused(world, FIRST | {"by": CAROL, "under": under})


async def test_a_new_owner_may_take_shares_back(world: World) -> None:
    await world.say({"kind": "owner", "resource": "document/9", "owner": DAVE})
    assert world.may(BOB, "document.read", "document/9") == "allowed"
    assert world.may(ALICE, "document.read", "document/9") == "no_matching_role"
    await world.unsay({"kind": "share", "resource": "document/9", "id": "s1"})
    assert world.may(BOB, "document.read", "document/9") == "no_matching_role"


async def test_what_was_taken_back_does_not_come_back_with_the_next_share_of_that_id(world: World) -> None:
    await world.unsay({"kind": "share", "resource": "document/9", "id": "s1"})
    await world.say(FIRST | {"to": "client/other"})
    await world.say(FIRST | {"id": "s2", "to": "client/another"})
    for who in (BOB, CAROL, DAVE):
        assert world.may(who, "document.read", "document/9") == "no_matching_role"


async def test_what_one_gave_on_falls_where_the_share_is_another_ones_now(world: World) -> None:
    await world.say(FIRST | {"to": "client/other"})
    assert world.may(CAROL, "document.read", "document/9") == "no_matching_role"
    await world.say(FIRST)
    assert world.may(CAROL, "document.read", "document/9") == "no_matching_role"
    assert world.may(BOB, "document.read", "document/9") == "allowed"


async def test_shares_that_are_said_together_rest_on_each_other_in_any_order(world: World) -> None:
    shares = [{"kind": "share", "resource": "document/9", "id": one} for one in ("s1", "s2", "s3")]
    await world.unsay(*shares)
    await world.say(THIRD, SECOND, FIRST)
    assert world.may(DAVE, "document.read", "document/9") == "allowed"
    await world.unsay(*reversed(shares))
    assert world.may(DAVE, "document.read", "document/9") == "no_matching_role"


@pytest.mark.parametrize("order", [1, -1])
async def test_a_share_that_is_said_together_with_another_under_it_is_so_in_any_order(world: World, order: int) -> None:
    await world.say({"kind": "owner", "resource": "document/9", "owner": "group/staff"})
    await world.say(*({"kind": "membership", "member": one, "group": "staff"} for one in (ALICE, CAROL)))
    await world.say(*[SECOND, FIRST | {"by": CAROL}][::order])
    assert world.may(CAROL, "document.read", "document/9") == "allowed"
    assert world.may(DAVE, "document.read", "document/9") == "allowed"
