"""The reference that judges policy says what docs/policy.md says, sentence by sentence."""

from collections.abc import Sequence
from typing import Any

import pytest

from tests.harness.policy_reference import Asked, Fact, changed, commanded, decided, microseconds, why

ALICE, BOB, CAROL = "account/alice", "account/bob", "account/carol"
PEOPLE = {"alice": False, "bob": False, "carol": False, "disabled": True}
DOCUMENT, FOLDER, SHELF = "document/9", "folder/7", "shelf/1"
NOW = "2030-01-01T12:00:00.000000Z"
STAFF: Fact = {"kind": "group", "id": "staff"}
EDITOR: Fact = {"kind": "role", "name": "editor", "actions": ["document.*"]}
IN_FOLDER: Fact = {"kind": "parent", "resource": DOCUMENT, "parent": FOLDER}
ON_SHELF: Fact = {"kind": "parent", "resource": FOLDER, "parent": SHELF}
OWNED: Fact = {"kind": "owner", "resource": DOCUMENT, "owner": ALICE}


def code(facts: Sequence[Fact], action: str = "document.read", subject: str = BOB, on: str | None = DOCUMENT) -> str:
    allowed, said = decided(facts, PEOPLE, Asked(subject, action, on), microseconds(NOW))
    assert allowed == (said == "allowed")
    return said


def held(role: str = "editor", holder: str = BOB, **more: Any) -> Fact:
    return {"kind": "assignment", "holder": holder, "role": role, **more}


def member(of: str, who: str = BOB, **more: Any) -> Fact:
    return {"kind": "membership", "member": who, "group": of, **more}


def shared(name: str, to: str, under: str | None = None, **more: Any) -> Fact:
    rests = {"under": under} if under else {}
    said = {"id": name, "resource": DOCUMENT, "by": ALICE, "to": to, "actions": ["document.read"], **rests}
    return {"kind": "share", **said, **more}


def labelled(of: str, level: int = 0, *categories: str) -> Fact:
    return {"kind": "label", "of": of, "level": level, "categories": list(categories)}


def exclusion(*names: str) -> Fact:
    return {"kind": "exclusion", "name": "payments", "roles": list(names)}


def test_nothing_is_permitted_that_no_fact_permits() -> None:
    assert code([]) == "no_matching_role"


@pytest.mark.parametrize(
    ("subject", "action", "on"),
    [
        ("alice", "document.read", DOCUMENT),
        ("account/", "document.read", DOCUMENT),
        ("Account/alice", "document.read", DOCUMENT),
        (ALICE, "", DOCUMENT),
        (ALICE, "document.*", DOCUMENT),
        (ALICE, "*", DOCUMENT),
        (ALICE, "document..read", DOCUMENT),
        (ALICE, "a" * 129, DOCUMENT),
        (ALICE, "document.read", "document/a\nb"),
        (ALICE, "document.read", "document/" + "a" * 257),
        (ALICE, "document.read", "document/" + "\U0001f600" * 200),
        (ALICE, "document.read", "document/\ud800"),
    ],
)
def test_a_malformed_question_is_denied_and_says_so(subject: str, action: str, on: str) -> None:
    everything = {"kind": "role", "name": "root", "actions": ["*"]}
    assert code([everything, held("root", ALICE)], action, subject, on) == "malformed"


def test_an_unknown_account_and_a_disabled_one_are_denied_whatever_they_hold() -> None:
    facts = [EDITOR, held(holder="account/nobody"), held(holder="account/disabled")]
    assert code(facts, subject="account/nobody") == "subject_unknown"
    assert code(facts, subject="account/disabled") == "subject_disabled"


@pytest.mark.parametrize("subject", ["document/9", "user/alice"])
def test_what_is_no_account_client_service_or_group_may_not_ask(subject: str) -> None:
    assert code([STAFF, EDITOR, held(holder=subject)], subject=subject) == "subject_unknown"


@pytest.mark.parametrize("subject", ["client/billing", "service/billing", "group/staff"])
def test_clients_services_and_groups_need_not_be_known_to_identity(subject: str) -> None:
    assert code([STAFF, EDITOR, held(holder=subject)], subject=subject) == "allowed"


def test_a_group_that_is_not_there_may_not_ask() -> None:
    assert code([EDITOR, held(holder="group/staff")], subject="group/staff") == "subject_unknown"


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


@pytest.mark.parametrize(
    ("its", "whose", "read", "append", "write"),
    [
        ((0,), (0,), True, True, True),
        ((1,), (2,), True, False, False),
        ((2,), (1,), False, True, False),
        ((1, "a"), (1,), False, True, False),
        ((1,), (1, "a"), True, False, False),
        ((1, "a"), (1, "b"), False, False, False),
        ((1, "a", "b"), (1, "b", "a"), True, True, True),
    ],
)
def test_no_read_up_and_no_write_down(
    its: tuple[Any, ...], whose: tuple[Any, ...], read: bool, append: bool, write: bool
) -> None:
    facts = [EDITOR, held(), labelled(DOCUMENT, *its), labelled(BOB, *whose)]
    expected = {"read": read, "append": append, "write": write}
    answers = {word: code(facts, f"document.{word}") for word in expected}
    assert answers == {word: "allowed" if good else "label_forbids" for word, good in expected.items()}


def test_no_owner_share_or_role_overrides_a_label() -> None:
    secret = [labelled(DOCUMENT, 1), OWNED, EDITOR, held(holder=ALICE), shared("s1", ALICE)]
    assert code(secret, subject=ALICE) == "label_forbids"
    assert code([*secret, labelled(ALICE, 1)], subject=ALICE) == "allowed"


def test_a_resource_has_the_highest_level_and_all_categories_of_those_in_which_it_lies() -> None:
    facts = [EDITOR, held(), IN_FOLDER, ON_SHELF, labelled(SHELF, 3, "a"), labelled(DOCUMENT, 1, "b")]
    assert code([*facts, labelled(BOB, 3, "a")]) == "label_forbids"
    assert code([*facts, labelled(BOB, 2, "a", "b")]) == "label_forbids"
    assert code([*facts, labelled(BOB, 3, "a", "b")]) == "allowed"


def test_groups_give_no_label() -> None:
    facts = [EDITOR, held(), STAFF, member("staff"), labelled("group/staff", 5), labelled(DOCUMENT, 1)]
    assert code(facts) == "label_forbids"


@pytest.mark.parametrize("word", ["read", "view", "get", "list", "search", "download"])
def test_what_an_action_does_follows_from_its_last_word(word: str) -> None:
    facts = [EDITOR, held(), labelled(BOB, 1)]
    assert code(facts, f"document.some.{word}") == "allowed"
    assert code(facts, f"document.{word}.append") == "label_forbids"
    assert code([EDITOR, held(), labelled(DOCUMENT, 1)], "document.append") == "allowed"
    assert code([EDITOR, held(), labelled(DOCUMENT, 1)], f"document.{word}er") == "label_forbids"


def test_the_longest_that_fits_says_what_an_action_does() -> None:
    def says(pattern: str, mode: str) -> Fact:
        return {"kind": "action", "pattern": pattern, "mode": mode}

    facts = [EDITOR, held(), labelled(BOB, 1), says("document.note.*", "reads"), says("document.*", "writes")]
    assert code(facts, "document.note.add") == "allowed"
    assert code(facts, "document.read") == "label_forbids"
    assert code([*facts, says("document.note.add", "both")], "document.note.add") == "label_forbids"


def test_administration_of_the_suite_touches_nothing_that_has_a_label() -> None:
    root = {"kind": "role", "name": "root", "actions": ["*"]}
    facts = [root, held("root"), labelled("suite/policy", 9), labelled(BOB, 5)]
    for action in ("identity.disable", "token.revoke", "policy.read"):
        assert code(facts, action, on="suite/policy") == "allowed"
    assert code(facts, "policies.read", on="suite/policy") == "label_forbids"
    assert code([*facts, labelled(DOCUMENT, 9)], "policy.read") == "label_forbids"


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


def test_rings_end_and_give_what_they_reach() -> None:
    facts: list[Fact] = [member("x"), held("x", "group/y", resource=FOLDER)]
    for one, other in ("xy", "yx"):
        facts.append({"kind": "role", "name": one, "actions": [f"document.{one}"], "inherits": [other]})
        facts += [{"kind": "group", "id": one}, member(one, f"group/{other}")]
    facts += [{"kind": "parent", "resource": a, "parent": b} for a, b in ((DOCUMENT, FOLDER), (FOLDER, DOCUMENT))]
    assert code(facts, "document.y") == "allowed"


def test_one_of_the_same_name_or_place_replaces_a_fact_and_a_name_suffices_to_remove_it() -> None:
    facts = changed([EDITOR, held()], [held(expires_at=NOW), held(resource=DOCUMENT)])
    assert len(facts) == 3
    assert changed(facts, remove=[{"kind": "role", "name": "editor"}, held()]) == [held(resource=DOCUMENT)]


def test_why_names_the_facts_that_permit() -> None:
    first, second = shared("s1", CAROL, pass_on=True), shared("s2", BOB, "s1")
    facts = [EDITOR, held(), OWNED, first, second]
    assert why(facts, Asked(BOB, "document.read", DOCUMENT), microseconds(NOW)) == [[held(), EDITOR], [second, first]]


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
