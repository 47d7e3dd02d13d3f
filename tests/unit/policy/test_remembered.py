"""What is remembered of a subject is forgotten with each fact on which it rests."""

from collections.abc import Sequence

import pytest

from services.policy.domain.holding import REMEMBERED
from tests.harness.policy_reference import Asked, Fact
from tests.unit.policy.told import Told, answers

ALICE = "account/acc_1"
WRITES = Asked(ALICE, "document.write", "document/d1")
STAFF: Fact = {"kind": "group", "id": "staff"}
WRITER: Fact = {"kind": "role", "name": "writer", "actions": ["document.write"]}
AUTHOR: Fact = {"kind": "role", "name": "author", "actions": ["document.draft"], "inherits": ["writer"]}
MEMBER: Fact = {"kind": "membership", "member": ALICE, "group": "staff"}
INNER: Fact = {"kind": "membership", "member": "group/staff", "group": "all"}
HELD: Fact = {"kind": "assignment", "holder": "group/all", "role": "author"}
BOTH: Fact = {"kind": "exclusion", "name": "both", "roles": ["writer", "author"]}
ALLOWED: Sequence[Fact] = [STAFF, {"kind": "group", "id": "all"}, WRITER, AUTHOR, MEMBER, INNER, HELD]


@pytest.mark.parametrize("gone", [STAFF, WRITER, AUTHOR, MEMBER, INNER, HELD], ids=lambda fact: str(fact["kind"]))
def test_what_was_allowed_by_a_fact_is_denied_once_it_is_gone_and_allowed_once_it_is_back(gone: Fact) -> None:
    service = Told.of(ALLOWED)
    assert answers(service, [WRITES]) == [(True, "allowed")]
    service.tell([], [gone])
    assert answers(service, [WRITES]) == [(False, "no_matching_role")]
    service.tell([gone])
    assert answers(service, [WRITES]) == [(True, "allowed")]


def test_what_was_allowed_is_denied_while_roles_exclude_each_other() -> None:
    service = Told.of(ALLOWED)
    assert answers(service, [WRITES]) == [(True, "allowed")]
    service.tell([BOTH])
    assert answers(service, [WRITES]) == [(False, "no_matching_role")]
    service.tell([], [BOTH])
    assert answers(service, [WRITES]) == [(True, "allowed")]


def test_a_role_of_ones_own_is_lost_with_its_assignment() -> None:
    own: Fact = {"kind": "assignment", "holder": ALICE, "role": "author"}
    service = Told.of([WRITER, AUTHOR, own])
    assert answers(service, [WRITES]) == [(True, "allowed")]
    service.tell([], [own])
    assert answers(service, [WRITES]) == [(False, "no_matching_role")]


def test_no_more_subjects_are_remembered_than_memory_is_meant_for() -> None:
    service = Told.of([WRITER])
    for number in range(REMEMBERED + 10):
        service.decisions.answer(service.question(Asked(f"client/{number}", "document.write", None)))
    assert len(service.memory.holdings()) <= REMEMBERED
