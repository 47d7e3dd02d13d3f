"""The decision: a pure function of the question, what is known, and the time."""

from typing import Protocol

import msgspec

from services.policy.domain.entities import Question
from services.policy.domain.grants import Holdings, permitting
from services.policy.domain.roles import ASSIGNMENTS, ROLES, Assignment
from services.policy.domain.standing import POLICY, People, objection


class Facts(People, Holdings, Protocol):
    """All that a decision may look at."""


class Decision(msgspec.Struct, frozen=True):
    """`code` is stable: `allowed`, or why not. `because` names the assignments that made it."""

    allowed: bool
    code: str
    because: tuple[str, ...] = ()


def decide(question: Question, facts: Facts, now: int) -> Decision:
    """Denies unless an assignment permits it and nothing speaks against the subject. `now` in µs by the log's time."""
    if not question.well_formed:
        return Decision(False, "malformed")
    code = objection(question, facts) or facts.doubt(POLICY, [ASSIGNMENTS.stream(str(question.subject))])
    if code is not None:
        return Decision(False, code)
    permitted = permitting(question, facts, now)
    sure = [one for one in permitted if facts.doubt(POLICY, [ROLES.stream(one.role)]) is None]
    if sure:
        return Decision(True, "allowed", tuple(_said(question, one) for one in sure))
    return Decision(False, "parked" if _uncertain(question, facts) else "no_matching_role")


def _uncertain(question: Question, facts: Facts) -> bool:
    """Whether a role that the subject holds might permit it, if its definition could be read."""
    return any(facts.doubt(POLICY, [ROLES.stream(one.role)]) for one in facts.assignments(question.subject))


def _said(question: Question, one: Assignment) -> str:
    return f"{question.subject} is {one.role} on {one.resource or 'everything'}"
