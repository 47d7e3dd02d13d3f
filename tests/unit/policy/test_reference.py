"""The reference that judges policy says what docs/policy.md says, sentence by sentence."""

import pytest

from tests.harness.policy_reference import Asked, changed, microseconds, why
from tests.unit.policy.reference_facts import ALICE, BOB, CAROL, DOCUMENT, EDITOR, NOW, OWNED, STAFF, code, held, shared


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


def test_one_of_the_same_name_or_place_replaces_a_fact_and_a_name_suffices_to_remove_it() -> None:
    facts = changed([EDITOR, held()], [held(expires_at=NOW), held(resource=DOCUMENT)])
    assert len(facts) == 3
    assert changed(facts, remove=[{"kind": "role", "name": "editor"}, held()]) == [held(resource=DOCUMENT)]


def test_why_names_the_facts_that_permit() -> None:
    first, second = shared("s1", CAROL, pass_on=True), shared("s2", BOB, "s1")
    facts = [EDITOR, held(), OWNED, first, second]
    assert why(facts, Asked(BOB, "document.read", DOCUMENT), microseconds(NOW)) == [[held(), EDITOR], [second, first]]
