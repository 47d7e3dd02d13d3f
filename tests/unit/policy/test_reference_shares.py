"""The reference says of owners and shares what docs/policy.md says."""

from tests.harness.policy_reference import changed, commanded
from tests.unit.policy.reference_facts import (
    ALICE,
    BOB,
    CAROL,
    DOCUMENT,
    FOLDER,
    IN_FOLDER,
    NOW,
    OWNED,
    STAFF,
    code,
    member,
    shared,
)


def test_an_owner_may_do_everything_on_the_resource_itself_and_nothing_on_what_lies_in_it() -> None:
    assert code([OWNED], "document.delete", ALICE) == "allowed"
    assert code([{"kind": "owner", "resource": FOLDER, "owner": ALICE}, IN_FOLDER], subject=ALICE) == "no_matching_role"
    owned_by_staff = {"kind": "owner", "resource": DOCUMENT, "owner": "group/staff"}
    assert code([owned_by_staff, STAFF, member("staff")]) == "allowed"
    assert code([owned_by_staff, STAFF], subject=CAROL) == "no_matching_role"


def test_a_share_gives_its_actions_on_the_resource_and_on_what_lies_in_it() -> None:
    assert code([OWNED, shared("s1", BOB)]) == "allowed"
    assert code([OWNED, shared("s1", BOB)], "document.write") == "no_matching_role"
    assert code([OWNED, shared("s1", BOB)], subject=CAROL) == "no_matching_role"
    assert code([IN_FOLDER, shared("s1", BOB, resource=FOLDER)]) == "allowed"
    assert code([STAFF, member("staff"), shared("s1", "group/staff")]) == "allowed"


def test_what_was_passed_on_rests_on_every_share_under_it() -> None:
    first, second = shared("s1", BOB, pass_on=True), shared("s2", CAROL, "s1", by=BOB, pass_on=True)
    third = shared("s3", "client/c", "s2", by=CAROL)
    assert code([OWNED, first, second, third], subject="client/c") == "allowed"
    for broken in (
        [OWNED, second, third],
        [OWNED, {**first, "pass_on": False}, second, third],
        [OWNED, {**first, "expires_at": NOW}, second, third],
        [OWNED, {**first, "actions": ["document.write"]}, second, third],
        [OWNED, {**first, "resource": FOLDER}, second, third],
        [OWNED, {**first, "under": "s2"}, second, third],
    ):
        assert code(broken, subject="client/c") == "no_matching_role"


def test_a_change_of_owner_leaves_shares_standing() -> None:
    facts = changed([OWNED, shared("s1", BOB)], [{"kind": "owner", "resource": DOCUMENT, "owner": CAROL}])
    assert code(facts) == "allowed"
    assert code(facts, subject=ALICE) == "no_matching_role"


def test_with_a_share_falls_what_rested_on_it_but_for_what_the_same_command_says() -> None:
    first, second = shared("s1", BOB, pass_on=True), shared("s2", CAROL, "s1", pass_on=True)
    third, apart = shared("s3", "client/c", "s2"), shared("s4", "client/d")
    facts = [OWNED, first, second, third, apart]
    assert commanded(facts, remove=[first]) == [OWNED, apart]
    assert commanded(facts, [{**first, "expires_at": NOW}])[:-1] == [OWNED, second, third, apart]
    assert commanded([OWNED, second, third, apart], [first]) == [OWNED, apart, first]
    for other in ({**first, "to": CAROL}, {**first, "by": BOB}):
        assert commanded(facts, [other]) == [OWNED, apart, other]
        assert commanded(facts, [other, second]) == [OWNED, third, apart, other, second]
        assert commanded(facts, [second, other]) == [OWNED, third, apart, second, other]
