"""Many questions in one request (Authorization API 1.0, 7)."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from chassis.web.strict import ODD, fit, may_be_odd
from eventlog.errors import Refusal
from services.policy.api.authzen.asked import (
    OURS,
    PARTS,
    Asked,
    Evaluation,
    Object,
    asked,
    moment,
    ours_of,
    read,
    shaped,
    wrong,
)
from services.policy.domain.decision import Decision
from services.policy.queries import Moment

MOST = 1000
REQUIRED = ("type", "id", "name")
ALL, UNTIL_DENIED, UNTIL_PERMITTED = "execute_all", "deny_on_first_deny", "permit_on_first_permit"


class Options(msgspec.Struct, frozen=True):
    evaluations_semantic: str | None = None


class Evaluations(msgspec.Struct, frozen=True):
    """What is said at the top holds for each that does not say it (7.1.1)."""

    subject: Object | None = None
    action: Object | None = None
    resource: Object | None = None
    context: Object | None = None
    evaluations: list[Any] | None = None
    options: Options | None = None


def read_many(body: bytes) -> Evaluations:
    """Raises Refusal `invalid_request`, `malformed_json`. Texts within one evaluation are for `each` to look at."""
    if not may_be_odd(body):
        return read(body, Evaluations)
    said = json.loads(body)
    if isinstance(said, dict) and not fit({name: one for name, one in said.items() if name != "evaluations"}):
        raise wrong(ODD)
    return shaped(said, Evaluations)


def semantic(many: Evaluations) -> str:
    """Raises Refusal `invalid_request`."""
    said = (many.options or Options()).evaluations_semantic
    named = ALL if said is None else said
    if named not in (ALL, UNTIL_DENIED, UNTIL_PERMITTED):
        raise wrong(f"evaluations_semantic is one of {ALL}, {UNTIL_DENIED}, {UNTIL_PERMITTED}")
    return named


def said_once(many: Evaluations) -> Moment | None:
    """For when all of them are asked. Raises Refusal `invalid_request`."""
    return moment(ours_of(many.context or {}).as_of)


def each(many: Evaluations) -> Sequence[Asked | Refusal]:
    """The questions, and for those that are none, why. Raises Refusal `invalid_request` where they are too many."""
    if len(many.evaluations or ()) > MOST:
        raise wrong(f"at most {MOST} evaluations at once")
    return [_one(many, item) for item in many.evaluations or ()]


def until(named: str, decisions: Sequence[Decision]) -> Sequence[Decision]:
    """Those that are told: up to the first denial, or the first permit, where so it was asked (7.1.2.1)."""
    if named == ALL:
        return decisions
    last = named == UNTIL_PERMITTED
    stop = next((number for number, one in enumerate(decisions, 1) if one.allowed is last), len(decisions))
    return decisions[:stop]


def _one(many: Evaluations, item: Any) -> Asked | Refusal:
    try:
        if not isinstance(item, dict):
            raise wrong("an evaluation is an object")
        if not fit(item):
            raise wrong(ODD)
        parts = {name: _part(item.get(name), getattr(many, name)) for name in PARTS}
        parts["context"] = _context(item.get("context"), many.context)
        return asked(shaped({name: one for name, one in parts.items() if one is not None}, Evaluation))
    except Refusal as refusal:
        return refusal


def _part(own: Any, default: Object | None) -> Any:
    """Its own in place of the default; of that only the members without which it is none."""
    if own is None:
        return default
    if not isinstance(own, dict) or default is None:
        return own
    return {name: default[name] for name in REQUIRED if name in default} | own


def _context(own: Any, default: Object | None) -> Any:
    """Its own in place of the default. A token at the top is looked at wherever an evaluation names none.

    Raises Refusal `invalid_request`.
    """
    if own is None:
        return default
    if not isinstance(own, dict):
        return own
    ours, top = own.get(OURS), (default or {}).get(OURS)
    if isinstance(ours, dict) and "as_of" in ours:
        raise wrong(f"{OURS}.as_of is said once, for all evaluations")
    return own if ours is not None or top is None else own | {OURS: top}
