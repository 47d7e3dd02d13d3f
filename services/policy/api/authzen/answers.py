"""What is answered (Authorization API 1.0, 5.5 and 8.3): decisions, why in words, and what was found."""

from collections.abc import Sequence
from typing import Any

from services.policy.api.authzen.asked import ActionSearch, Object, Search, SubjectSearch
from services.policy.domain.decision import Decision, grounds
from services.policy.domain.entities import Entity
from services.policy.domain.explained import policy_of, steps

REASONS = {
    "allowed": "it is permitted",
    "no_matching_role": "no role, ownership, share or policy permits it",
    "label_forbids": "the levels or categories of subject and resource forbid it",
    "forbidden_by_policy": "a policy forbids it",
    "insufficient_acr": "a login of the subject with this acr would permit it",
    "subject_unknown": "there is no account or group of that id, or it is no account, client, service or group",
    "subject_disabled": "the account is disabled",
    "session_revoked": "the session or the token is over",
    "session_unknown": "there is no such session, as far as is known here",
    "token_refused": "the access token does not hold",
    "malformed": "it is not a question of a subject, an action and a resource",
    "stale": "what is known is too old to decide by",
    "parked": "an event that bears on it could not be understood",
    "failed": "it could not be decided",
}


def decided(decision: Decision, position: int, error: str = "") -> Object:
    """An answer. `error` says what is wrong with a question that is none."""
    context: dict[str, Any] = {"code": decision.code, "reason": REASONS[decision.code], "position": position}
    if decision.because:
        context["because"] = list(decision.because)
    if decision.policies:
        context["policies"] = list(decision.policies)
    if decision.acr:
        context["acr"] = decision.acr
    if error:
        context["error"] = {"status": 400, "message": error}
    return {"decision": decision.allowed, "context": context}


def why(decision: Decision, position: int, missing: Sequence[str], policies: Sequence[tuple[str, str]] = ()) -> Object:
    """An answer with the facts and the texts of the policies that made it, and what is missing."""
    case = decision.case
    chains = [] if case is None else [(policy_of(one), steps(case, one)) for one in grounds(decision)]
    return decided(decision, position) | {
        "chains": [{"policy": policy, "steps": list(made)} for policy, made in chains],
        "policies": [{"id": name, "text": text} for name, text in policies],
        "missing": list(missing),
    }


def searched(results: Sequence[Object], next_token: str, position: int, code: str = "") -> Object:
    """A page. `code` says why nothing can be found."""
    context: dict[str, Any] = {"position": position}
    if code:
        context |= {"code": code, "reason": REASONS[code]}
    return {"page": {"next_token": next_token, "count": len(results)}, "context": context, "results": list(results)}


def found(search: Search, names: Sequence[str]) -> Sequence[Object]:
    """Actions by name, things by id and the type by which they were searched for."""
    if isinstance(search, ActionSearch):
        return [{"name": name} for name in names]
    kind = search.subject.type if isinstance(search, SubjectSearch) else search.resource.type
    return [{"type": kind, "id": one.id} for one in map(Entity.of, names)]
