"""The reference says of labels, and of what actions do, what docs/policy.md says."""

from typing import Any

import pytest

from tests.harness.policy_reference import Fact
from tests.unit.policy.reference_facts import (
    ALICE,
    BOB,
    DOCUMENT,
    EDITOR,
    IN_FOLDER,
    ON_SHELF,
    OWNED,
    SHELF,
    STAFF,
    code,
    held,
    labelled,
    member,
    shared,
)


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
