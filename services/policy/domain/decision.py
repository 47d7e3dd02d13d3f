"""The decision: a pure function of the question, what is known, the rules, and the time."""

from collections.abc import Collection, Sequence
from typing import Protocol

import msgspec

from services.policy.domain.asked import Login, ask
from services.policy.domain.case import Case, Ground, gather
from services.policy.domain.entities import Question
from services.policy.domain.explained import said
from services.policy.domain.facts import GROUP, Facts
from services.policy.domain.reach import TooDeep
from services.policy.domain.rules.engine import Asked, Rules, Verdict
from services.policy.domain.rules.versions import STREAM
from services.policy.domain.standing import POLICY, People, objection
from services.policy.domain.usual import usually

LABELS = frozenset({"no-read-up", "no-write-down"})


class World(Facts, People, Protocol):
    """All that a decision may look at."""


class Decision(msgspec.Struct, frozen=True):
    """`code` is stable: `allowed`, or why not. `because` tells the facts that permit it, `policies` names those that
    made it; `acr` is the login that would lift a denial (`insufficient_acr`). `case` is all that was looked at.
    """

    allowed: bool
    code: str
    because: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    acr: str = ""
    case: Case | None = None


def decide(question: Question, world: World, rules: Rules, now: int) -> Decision:
    """Denies unless something permits it, nothing forbids it, and nothing speaks against the subject.

    `now` is in µs since 1970 by the log's time. Raises Unread where facts have to be looked up first.
    """
    if not question.well_formed:
        return Decision(False, "malformed")
    if code := objection(question, world):
        return Decision(False, code)
    try:
        case = gather(question, world, now)
    except TooDeep:
        return Decision(False, "failed")
    if code := world.doubt(POLICY, [*case.streams, STREAM]):
        return Decision(False, code, case=case)
    if _nobody(question, world):
        return Decision(False, "subject_unknown", case=case)
    session = world.session(question.session_id) if question.session_id else None
    return _judged(case, world, rules, Login.of(question, session), now)


def _judged(case: Case, world: World, rules: Rules, login: Login | None, now: int) -> Decision:
    sure = _sure(case, world)
    asked = ask(sure, login, now) if _concerned(case.question, rules) else None
    verdict = usually(sure) if asked is None else rules.evaluate(asked)
    because = tuple(said(sure, one) for one in _permitting(sure, verdict.permits))
    code = _code(verdict)
    if code == "allowed":
        return Decision(True, code, because, verdict.permits, case=sure)
    if asked and code != "label_forbids" and (acr := _lifting(rules, asked)):
        return Decision(False, "insufficient_acr", because, verdict.forbids, acr, sure)
    if code == "no_matching_role" and len(sure.roles) < len(case.roles):
        return Decision(False, "parked", case=sure)
    return Decision(False, code, because, verdict.forbids, case=sure)


def _nobody(question: Question, world: World) -> bool:
    """Whether it asks for the members of a group that is not there: what it was given may still be."""
    return question.subject.type == GROUP and not world.of(str(question.subject))


def _concerned(question: Question, rules: Rules) -> bool:
    return rules.concern(question.subject.type, question.action, question.resource.type if question.resource else "")


def grounds(decision: Decision) -> Sequence[Ground]:
    """The facts by which the shipped policies permit it."""
    return _permitting(decision.case, decision.policies) if decision.allowed and decision.case else ()


def _permitting(case: Case, policies: Collection[str]) -> Sequence[Ground]:
    kinds = {"role": case.roles, "owner": case.owners, "share": case.shares}
    return [one for name, found in kinds.items() if name in policies for one in found]


def _sure(case: Case, world: World) -> Case:
    """Without what rests on a role that was not understood."""
    if not _doubtful(case.roles, world):
        return case
    return msgspec.structs.replace(case, roles=[one for one in case.roles if not _doubtful([one], world)])


def _doubtful(grounds: Sequence[Ground], world: World) -> bool:
    named = [f"role/{name}" for one in grounds for name in one.roles]
    return bool(named) and world.doubt(POLICY, named) is not None


def _code(verdict: Verdict) -> str:
    if LABELS.intersection(verdict.forbids):
        return "label_forbids"
    if verdict.forbids:
        return "forbidden_by_policy"
    return "allowed" if verdict.allowed else "no_matching_role"


def _lifting(rules: Rules, asked: Asked) -> str:
    """The first `acr` that policies speak of with which it would be allowed; empty where none is."""
    for acr in rules.acrs:
        better = msgspec.structs.replace(asked, context=asked.context | {"acr": acr})
        if rules.evaluate(better).allowed:
            return acr
    return ""
