"""Roles: groups, inheritance, places, ends and exclusions (NIST RBAC: core, hierarchical, constrained)."""

from collections.abc import Mapping
from typing import Any

import pytest

from eventlog.errors import Refusal
from services.policy.domain.spelled import read
from tests.unit.policy.told import told
from tests.unit.policy.world import OPERATOR, World, put

ALICE, BOB = "account/acc_alice", "account/acc_bob"
VIEWER = {"kind": "role", "name": "viewer", "actions": ["document.read"]}
EDITOR = {"kind": "role", "name": "editor", "actions": ["document.write"], "inherits": ["viewer"]}
STAFF = {"kind": "group", "id": "staff"}


@pytest.fixture
async def world() -> World:
    world = World()
    world.meet("acc_alice", "acc_bob")
    await world.say(VIEWER)
    await world.say(EDITOR, STAFF, {"kind": "group", "id": "all"})
    return world


async def refused(world: World, code: str, *facts: Mapping[str, object]) -> str:
    before = len(world.store.rows)
    with pytest.raises(Refusal) as refusal:
        await world.say(*facts)
    assert refusal.value.code == code
    assert len(world.store.rows) == before
    return refusal.value.detail


async def test_a_role_allows_what_the_roles_that_it_inherits_allow(world: World) -> None:
    await world.say({"kind": "assignment", "holder": ALICE, "role": "editor"})
    assert world.may(ALICE, "document.read", "document/9") == "allowed"
    await world.say({"kind": "assignment", "holder": BOB, "role": "viewer"})
    assert world.may(BOB, "document.write", "document/9") == "no_matching_role"


async def test_a_role_held_where_a_resource_lies_holds_for_the_resource(world: World) -> None:
    await world.say({"kind": "assignment", "holder": ALICE, "role": "viewer", "resource": "folder/7"})
    assert world.may(ALICE, "document.read", "document/9") == "no_matching_role"
    await world.say({"kind": "parent", "resource": "document/9", "parent": "folder/8"})
    await world.say({"kind": "parent", "resource": "folder/8", "parent": "folder/7"})
    assert world.may(ALICE, "document.read", "document/9") == "allowed"
    assert world.may(ALICE, "document.read") == "no_matching_role"


async def test_groups_within_groups_give_their_members_what_they_are_given(world: World) -> None:
    await world.say({"kind": "assignment", "holder": "group/all", "role": "viewer"})
    await world.say({"kind": "membership", "member": "group/staff", "group": "all"})
    assert world.may(ALICE, "document.read") == "no_matching_role"
    await world.say({"kind": "membership", "member": ALICE, "group": "staff"})
    assert world.may(ALICE, "document.read") == "allowed"
    await world.unsay({"kind": "membership", "member": "group/staff", "group": "all"})
    assert world.may(ALICE, "document.read") == "no_matching_role"


async def test_an_end_is_an_end_without_any_clean_up(world: World) -> None:
    ends = {"expires_at": "1972-09-27T12:00:00Z"}
    await world.say({"kind": "assignment", "holder": "group/staff", "role": "viewer"})
    await world.say({"kind": "membership", "member": ALICE, "group": "staff", **ends})
    await world.say({"kind": "assignment", "holder": BOB, "role": "viewer", **ends})
    assert world.may(ALICE, "document.read") == world.may(BOB, "document.read") == "allowed"
    world.clock.time += 86_400_000_000
    assert world.may(ALICE, "document.read") == world.may(BOB, "document.read") == "no_matching_role"


async def test_a_circle_of_roles_is_refused_with_its_path(world: World) -> None:
    await world.say({"kind": "role", "name": "chief", "actions": ["a"], "inherits": ["editor"]})
    path = await refused(world, "role_cycle", VIEWER | {"inherits": ["chief"]})
    assert path == "viewer inherits chief inherits editor inherits viewer"
    assert await refused(world, "role_cycle", VIEWER | {"inherits": ["viewer"]}) == "viewer inherits viewer"


async def test_a_circle_of_groups_is_refused_with_its_path(world: World) -> None:
    await world.say({"kind": "membership", "member": "group/staff", "group": "all"})
    path = await refused(world, "group_cycle", {"kind": "membership", "member": "group/all", "group": "staff"})
    assert path == "group/all ∈ group/staff ∈ group/all"
    await refused(world, "group_cycle", {"kind": "membership", "member": "group/all", "group": "all"})


async def test_a_circle_within_one_change_is_refused_too(world: World) -> None:
    both = [{"kind": "parent", "resource": f"folder/{a}", "parent": f"folder/{b}"} for a, b in ((1, 2), (2, 1))]
    assert await refused(world, "resource_cycle", *both) == "write 1: folder/1 lies in folder/2 lies in folder/1"


@pytest.mark.parametrize(
    ("code", "fact"),
    [
        ("role_unknown", {"kind": "assignment", "holder": ALICE, "role": "nobody"}),
        ("role_unknown", {"kind": "role", "name": "new", "actions": ["a"], "inherits": ["nobody"]}),
        ("role_unknown", {"kind": "exclusion", "name": "x", "roles": ["viewer", "nobody"]}),
        ("group_unknown", {"kind": "assignment", "holder": "group/nobody", "role": "viewer"}),
        ("group_unknown", {"kind": "membership", "member": ALICE, "group": "nobody"}),
        ("group_unknown", {"kind": "membership", "member": "group/nobody", "group": "staff"}),
        ("group_unknown", {"kind": "owner", "resource": "document/9", "owner": "group/nobody"}),
        ("account_unknown", {"kind": "assignment", "holder": "account/acc_x", "role": "viewer"}),
        ("account_unknown", {"kind": "owner", "resource": "document/9", "owner": "account/acc_x"}),
    ],
)
async def test_a_name_that_is_not_there_is_refused(world: World, code: str, fact: Mapping[str, object]) -> None:
    await refused(world, code, fact)


async def test_roles_that_exclude_each_other_are_not_held_together(world: World) -> None:
    for name in ("cashier", "auditor"):
        await world.say({"kind": "role", "name": name, "actions": [f"{name}.do"]})
    await world.say({"kind": "exclusion", "name": "payments", "roles": ["cashier", "auditor"]})
    await world.say({"kind": "assignment", "holder": ALICE, "role": "cashier"})
    direct = {"kind": "assignment", "holder": ALICE, "role": "auditor"}
    assert "exclusion payments: account/acc_alice → cashier" in await refused(world, "roles_exclude_each_other", direct)
    chief = {"kind": "role", "name": "chief", "actions": ["a"], "inherits": ["auditor"]}
    await world.say(chief)
    held = {"kind": "assignment", "holder": "group/staff", "role": "chief"}
    await world.say(held)
    path = await refused(world, "roles_exclude_each_other", {"kind": "membership", "member": ALICE, "group": "staff"})
    assert "account/acc_alice ∈ group/staff → chief → inherits auditor" in path


async def test_what_would_break_an_exclusion_for_others_is_refused(world: World) -> None:
    for name in ("cashier", "auditor", "chief"):
        await world.say({"kind": "role", "name": name, "actions": [f"{name}.do"]})
    await world.say({"kind": "membership", "member": ALICE, "group": "staff"})
    await world.say({"kind": "assignment", "holder": ALICE, "role": "cashier"})
    await world.say({"kind": "assignment", "holder": BOB, "role": "cashier"})
    await world.say({"kind": "assignment", "holder": BOB, "role": "auditor"})
    exclusion = {"kind": "exclusion", "name": "payments", "roles": ["cashier", "auditor"]}
    assert "account/acc_bob" in await refused(world, "roles_exclude_each_other", exclusion)
    await world.unsay({"kind": "assignment", "holder": BOB, "role": "auditor"})
    await world.say(exclusion)
    await refused(world, "roles_exclude_each_other", {"kind": "assignment", "holder": "group/staff", "role": "auditor"})
    await world.say({"kind": "assignment", "holder": "group/staff", "role": "chief"})
    chief = {"kind": "role", "name": "chief", "actions": ["a"], "inherits": ["auditor"]}
    await refused(world, "roles_exclude_each_other", chief)


async def test_roles_that_came_to_exclude_each_other_give_nothing(world: World) -> None:
    """As two processes may have written at once."""
    for name in ("cashier", "auditor"):
        await world.say({"kind": "role", "name": name, "actions": [f"{name}.do", "both.do"]})
        await world.say({"kind": "assignment", "holder": ALICE, "role": name})
    await world.say({"kind": "assignment", "holder": ALICE, "role": "viewer"})
    world.memory.facts.apply(put({"kind": "exclusion", "name": "payments", "roles": ["cashier", "auditor"]}))
    assert world.may(ALICE, "cashier.do") == world.may(ALICE, "both.do") == "no_matching_role"
    assert world.may(ALICE, "document.read") == "allowed"


async def test_what_is_in_use_is_not_removed(world: World) -> None:
    await world.say({"kind": "assignment", "holder": "group/staff", "role": "viewer"})
    for code, fact in (("role_in_use", {"kind": "role", "name": "viewer"}), ("group_in_use", STAFF)):
        with pytest.raises(Refusal) as refusal:
            await world.unsay(fact)
        assert refusal.value.code == code
    await world.unsay({"kind": "assignment", "holder": "group/staff", "role": "viewer"}, STAFF)
    with pytest.raises(Refusal) as refusal:
        await world.unsay(STAFF)
    assert refusal.value.code == "not_there"


@pytest.mark.parametrize(
    ("code", "named", "referring"),
    [
        ("role_in_use", {"kind": "role", "name": "new"}, {"kind": "assignment", "holder": ALICE, "role": "new"}),
        ("group_in_use", {"kind": "group", "id": "new"}, {"kind": "membership", "member": ALICE, "group": "new"}),
    ],
)
async def test_what_was_given_while_another_process_removed_it_does_not_come_back_with_the_next_of_that_name(
    world: World, code: str, named: dict[str, Any], referring: dict[str, Any]
) -> None:
    if named["kind"] == "role":
        named = named | {"actions": ["new.do"]}
    await world.say(named)
    await told(world, [referring])
    await told(world, [], [named])
    await world.settle()
    with pytest.raises(Refusal) as refusal:
        await world.say(named)
    assert refusal.value.code == code
    await world.unsay(referring)
    await world.say(named)
    assert world.may(ALICE, "new.do") == "no_matching_role"


EDITS = {"kind": "assignment", "holder": ALICE, "role": "editor"}
RECORDS = {"kind": "assignment", "holder": ALICE, "role": "auditor"}


@pytest.mark.parametrize(
    ("code", "write", "remove"),
    [
        ("roles_exclude_each_other", [{"kind": "exclusion", "name": "e", "roles": ["auditor", "editor"]}], []),
        ("role_in_use", [], [{"kind": "role", "name": "auditor"}]),
    ],
)
async def test_what_was_acknowledged_a_moment_ago_is_known_to_what_is_judged_next(
    world: World, code: str, write: list[dict[str, Any]], remove: list[dict[str, Any]]
) -> None:
    await world.say({"kind": "role", "name": "auditor", "actions": ["log.read"]})
    await world.commands.write(OPERATOR, [read(EDITS), read(RECORDS)])
    with pytest.raises(Refusal) as refusal:
        await world.commands.write(OPERATOR, [read(one) for one in write], [read(one) for one in remove])
    assert refusal.value.code == code


async def test_nothing_is_judged_by_what_is_known_where_that_stays_behind(world: World) -> None:
    async def nothing() -> None:
        """As where the log cannot be followed."""

    world.policy.fold = nothing
    await world.commands.write(OPERATOR, [read(EDITS)])
    for fact in ({"kind": "group", "id": "new"}, {"kind": "exclusion", "name": "e", "roles": ["editor", "viewer"]}):
        with pytest.raises(Refusal) as refusal:
            await world.commands.write(OPERATOR, [read(fact)])
        assert refusal.value.code == "not_yet_applied"


async def test_what_ends_is_removed_together_with_what_it_refers_to_by_its_name_alone(world: World) -> None:
    held = {"kind": "assignment", "holder": "group/staff", "role": "viewer"}
    await world.say(held | {"expires_at": "1990-01-01T00:00:00Z"})
    await world.unsay(held, STAFF)
    assert not world.memory.of("group/staff")
