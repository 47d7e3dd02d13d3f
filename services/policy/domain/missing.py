"""For a denial: what would have to be otherwise."""

from collections.abc import Iterator, Sequence

from services.policy.domain.actions import permits
from services.policy.domain.case import Case
from services.policy.domain.decision import Decision
from services.policy.domain.facts import Assignment, Facts, Label, assignments, owner, role, shares, stands
from services.policy.domain.reach import chain, excluded, inherited

_SAID = {
    "malformed": "a question of a subject, an action and perhaps a resource, each spelled as docs/policy.md says",
    "subject_unknown": "an account that identity has, or a group that is there",
    "subject_disabled": "an account that is not disabled",
    "session_revoked": "a session and a token that are not over: a new login",
    "session_unknown": "a session that is known here: if it has just begun, ask with its token, or at its position",
    "stale": "knowledge that is fresh: a log cannot be followed now",
    "parked": "an event that could not be applied here: see `watchword projections`",
}
MOST = 20
"""Of one kind of near miss."""


def missing(decision: Decision, facts: Facts, now: int) -> Sequence[str]:
    """A sentence for each thing that stands in the way, or comes close. Empty where it is allowed."""
    if decision.allowed:
        return ()
    if decision.code in _SAID:
        return (_SAID[decision.code],)
    if decision.code == "insufficient_acr":
        return (f"a login with acr {decision.acr}",)
    case = decision.case
    if case is None:
        return ("an answer: this question could not be decided",)
    if decision.code == "label_forbids":
        return tuple(_labels(case))
    if decision.code == "forbidden_by_policy":
        return tuple(f"that the policy {name} does not forbid it" for name in decision.policies)
    return tuple(_near(case, facts, now)) or (_nothing(case),)


def _nothing(case: Case) -> str:
    question = case.question
    return f"a role, an ownership, a share or a policy by which {question.subject} may {question.action} here"


def _labels(case: Case) -> Iterator[str]:
    subject, resource = case.subject_label, case.resource_label
    if case.reads:
        yield from _at_least("to read, the subject", subject, resource)
    if case.writes:
        yield from _at_least("to write, the resource", resource, subject)


def _at_least(what: str, has: Label, needs: Label) -> Iterator[str]:
    if has.level < needs.level:
        yield f"{what} at level {needs.level} or above; it is at {has.level}"
    if lacking := sorted(set(needs.categories) - set(has.categories)):
        yield f"{what} in the categories {', '.join(lacking)}"


def _near(case: Case, facts: Facts, now: int) -> Iterator[str]:
    holders = (str(case.question.subject), *case.groups)
    given = {one.role for holder in holders for one in assignments(facts, holder) if stands(one.expires_at, now)}
    without = excluded(facts, given)
    if without:
        yield f"not holding two roles that exclude each other: {', '.join(sorted(without))} give nothing"
    held = [one for holder in holders for one in assignments(facts, holder)]
    yield from list(_roles(case, facts, held, now))[:MOST]
    yield from list(_shares(case, facts, holders, now))[:MOST]
    if case.places and (whose := owner(facts, case.places[0])) is not None:
        yield f"being, or being in, {whose}, who owns {case.places[0]}"


def _roles(case: Case, facts: Facts, held: Sequence[Assignment], now: int) -> Iterator[str]:
    action = case.question.action
    for one in held:
        where = one.resource or "everything"
        names = inherited(facts, one.role)
        allows = any((defined := role(facts, name)) and permits(defined.actions, action) for name in names)
        if not stands(one.expires_at, now):
            yield f"{one.role} for {one.holder} on {where}, which has ended"
        elif not allows and one.resource in (None, *case.places):
            yield f"{action} among what {one.role}, held by {one.holder}, allows"
        elif allows and one.resource is not None and one.resource not in case.places:
            yield f"{one.role}, which {one.holder} holds on {one.resource}, on {case.question.resource or 'everything'}"


def _shares(case: Case, facts: Facts, holders: Sequence[str], now: int) -> Iterator[str]:
    for place in case.places:
        there = shares(facts, place)
        for one in there.values():
            if one.to not in holders:
                continue
            under = chain(one, there)
            if under is None:
                yield f"share {one.id} on {place}, whose ground is gone: it may not be passed on any more"
            elif not all(stands(each.expires_at, now) for each in under):
                yield f"share {one.id} on {place}, which has ended"
            elif not all(permits(each.actions, case.question.action) for each in under):
                yield f"{case.question.action} among what share {one.id} on {place} gives"
