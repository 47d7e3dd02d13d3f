"""The reference says of roles, groups, ends and exclusions what docs/policy.md says."""

import pytest

from tests.harness.policy_reference import Fact
from tests.unit.policy.reference_facts import (
    BOB,
    CAROL,
    DOCUMENT,
    EDITOR,
    FOLDER,
    IN_FOLDER,
    NOW,
    ON_SHELF,
    OWNED,
    SHELF,
    STAFF,
    code,
    exclusion,
    held,
    member,
    shared,
)


@pytest.mark.parametrize(
    ("pattern", "action", "allows"),
    [
        ("*", "a.b", True),
        ("a.b", "a.b", True),
        ("a.*", "a.b", True),
        ("a.*", "a.b.c", True),
        ("a.*", "a", False),
        ("a.*", "ab.c", False),
        ("a.b", "a.b.c", False),
    ],
)
def test_a_role_allows_its_actions_and_those_that_its_patterns_hold(pattern: str, action: str, allows: bool) -> None:
    role = {"kind": "role", "name": "some", "actions": [pattern]}
    assert code([role, held("some")], action) == ("allowed" if allows else "no_matching_role")


def test_a_role_allows_all_that_a_role_allows_which_it_inherits() -> None:
    viewer = {"kind": "role", "name": "viewer", "actions": ["document.read"]}
    writer = {"kind": "role", "name": "writer", "actions": ["document.write"], "inherits": ["viewer"]}
    chief = {"kind": "role", "name": "chief", "actions": ["document.delete"], "inherits": ["writer"]}
    assert code([viewer, writer, chief, held("chief")]) == "allowed"
    assert code([viewer, writer, chief, held("viewer")], "document.delete") == "no_matching_role"
    assert code([viewer, chief, held("chief")]) == "no_matching_role"


def test_a_role_is_held_through_groups_within_groups() -> None:
    groups = [STAFF, {"kind": "group", "id": "all"}, member("staff"), member("all", "group/staff")]
    assert code([EDITOR, *groups, held(holder="group/all")]) == "allowed"
    assert code([EDITOR, *groups, held(holder="group/all")], subject=CAROL) == "no_matching_role"
    assert code([EDITOR, *groups[1:], held(holder="group/all")]) == "no_matching_role"


def test_a_role_on_a_resource_holds_on_what_lies_in_it_and_nowhere_else() -> None:
    facts = [EDITOR, IN_FOLDER, ON_SHELF, held(resource=SHELF)]
    assert code(facts) == "allowed"
    assert code(facts, on="document/8") == "no_matching_role"
    assert code(facts, on=None) == "no_matching_role"
    assert code([EDITOR, IN_FOLDER, held(resource=DOCUMENT)], on=FOLDER) == "no_matching_role"


def test_an_end_is_exclusive_and_needs_no_clean_up() -> None:
    over, later = "2030-01-01T12:00:00Z", "2030-01-01T13:00:00.000001+01:00"
    assert code([EDITOR, held(expires_at=over)]) == "no_matching_role"
    assert code([EDITOR, held(expires_at=later)]) == "allowed"
    assert code([EDITOR, STAFF, held(holder="group/staff"), member("staff", expires_at=over)]) == "no_matching_role"
    assert code([OWNED, shared("s1", BOB, expires_at=over)]) == "no_matching_role"
    assert code([OWNED, shared("s1", BOB, expires_at=later)]) == "allowed"


def test_two_roles_of_one_exclusion_give_nothing_anywhere() -> None:
    cashier = {"kind": "role", "name": "cashier", "actions": ["document.read"]}
    auditor = {"kind": "role", "name": "auditor", "actions": ["document.read"]}
    guest = {"kind": "role", "name": "guest", "actions": ["document.view"]}
    facts = [cashier, auditor, guest, exclusion("cashier", "auditor"), held("cashier"), held("guest")]
    assert code(facts) == "allowed"
    both = [*facts, held("auditor", resource="document/elsewhere")]
    assert code(both) == "no_matching_role"
    assert code(both, "document.view") == "allowed"
    by_group = [*facts, STAFF, member("staff"), held("auditor", "group/staff")]
    assert code(by_group) == "no_matching_role"
    assert code([*facts, held("auditor", expires_at=NOW)]) == "allowed"


def test_an_excluded_role_gives_nothing_by_inheritance_either_while_the_rest_of_a_role_does() -> None:
    viewer = {"kind": "role", "name": "viewer", "actions": ["document.view"]}
    cashier = {"kind": "role", "name": "cashier", "actions": ["document.read"], "inherits": ["viewer"]}
    auditor = {"kind": "role", "name": "auditor", "actions": ["document.read"]}
    chief = {"kind": "role", "name": "chief", "actions": ["document.list"], "inherits": ["cashier"]}
    facts = [viewer, cashier, auditor, chief, exclusion("cashier", "auditor"), held("chief"), held("auditor")]
    assert code(facts) == "no_matching_role"
    assert code(facts, "document.view") == "no_matching_role"
    assert code(facts, "document.list") == "allowed"


def test_rings_end_and_give_what_they_reach() -> None:
    facts: list[Fact] = [member("x"), held("x", "group/y", resource=FOLDER)]
    for one, other in ("xy", "yx"):
        facts.append({"kind": "role", "name": one, "actions": [f"document.{one}"], "inherits": [other]})
        facts += [{"kind": "group", "id": one}, member(one, f"group/{other}")]
    facts += [{"kind": "parent", "resource": a, "parent": b} for a, b in ((DOCUMENT, FOLDER), (FOLDER, DOCUMENT))]
    assert code(facts, "document.y") == "allowed"
