"""One version of an organization's policies over the shipped ones, and what they say to a question."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import cedarpy
import msgspec

from services.policy.domain.rules import shipped
from services.policy.domain.rules.check import RulesInvalid, parsed, problems
from services.policy.domain.rules.given import known
from services.policy.domain.rules.scopes import FORBID, Policy
from services.policy.domain.rules.slices import Slice, Slices

OURS = frozenset({"grant", "everything"})
"""What stands for no thing (shipped.cedarschema): a resource of that name would be in what permits, and a subject, by
that, in what the resource lies in.
"""
RESERVED = frozenset({"if", "then", "else", "true", "false", "in", "is", "like", "has"}) | OURS
"""What Cedar takes for no name, and those."""
_FAILED = re.compile(r"policy `policy(\d+)`")
_ODD = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)


class Asked(msgspec.Struct, frozen=True):
    """What is handed to Cedar. `resource` is ("everything", "") where the question names none.

    `context` as docs/policy.md says, with entities as `{"__entity": {"type": …, "id": …}}`; `entities` as Cedar's JSON,
    with the parents of principal, action and resource.
    """

    principal: tuple[str, str]
    action: str
    resource: tuple[str, str]
    context: dict[str, Any]
    entities: list[dict[str, Any]]


class Verdict(msgspec.Struct, frozen=True):
    """Ids of the policies that made it so. What could not be evaluated is in `failed`; a forbid then is in both."""

    allowed: bool
    permits: tuple[str, ...] = ()
    forbids: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


class Rules:
    """Immutable. `acrs` are the texts that the organization's policies compare `context.acr` with."""

    def __init__(self, own: Sequence[Policy]) -> None:
        self.acrs = tuple(sorted(frozenset[str]().union(*(one.acrs for one in own))))
        self._by_id = {one.id: one for one in (*_shipped(), *own)}
        self._own = Slices(own)
        self._all = Slices((*_shipped(), *own))

    @classmethod
    def of(cls, policies: str = "", schema: str = "") -> "Rules":
        """Raises Refusal `policy_invalid` or `schema_invalid`, which says all that is wrong and where."""
        found = problems(policies, schema)
        if found:
            raise RulesInvalid(found)
        return cls(parsed(policies))

    @classmethod
    def checked(cls, policies: str) -> "Rules":
        """Of a text that was found right when it was written. Raises ValueError."""
        return cls(parsed(policies))

    @property
    def ids(self) -> tuple[str, ...]:
        """Of all policies, the shipped ones first."""
        return tuple(self._by_id)

    @property
    def kept(self) -> int:
        """How many parsed policies are in memory, in all slices."""
        return self._all.kept

    def slice_of(self, asked: Asked) -> Slice:
        """The policies that are evaluated for a question. Raises what an odd one makes of it."""
        return self._all.of(asked.principal, asked.action, asked.resource, asked.entities)

    def evaluate(self, asked: Asked) -> Verdict:
        """Denies whatever cannot be evaluated; raises nothing."""
        try:
            some = self.slice_of(asked)
        except _ODD:
            return Verdict(False, failed=self.ids)
        try:
            answer = cedarpy.is_authorized(_request(asked), some.parsed, msgspec.json.encode(asked.entities).decode())
            return _verdict(some, answer.decision, answer.diagnostics)
        except _ODD:
            return Verdict(False, failed=_ids(some.policies))

    def concern(self, principal_type: str, action: str, resource_type: str) -> bool:
        """Whether a policy of the organization can match such a question.

        An empty resource type stands for everything.
        """
        return self._own.can_match(cedar_type(principal_type), action, cedar_type(resource_type) or "everything")

    def mentions(self, action: str, principal_type: str, resource_type: str) -> bool:
        """Whether a policy of the organization could permit this for some principal and resource of these types.

        An empty resource type stands for everything.
        """
        return self._own.permits(cedar_type(principal_type), action, cedar_type(resource_type) or "everything")

    def explain(self, policy_id: str) -> str:
        """The policy's text, with its annotations; empty where there is none of that id."""
        policy = self._by_id.get(policy_id)
        return policy.text if policy else ""


def cedar_type(type_: str) -> str:
    """A type as Cedar can spell it (docs/policy.md, "In Cedar")."""
    return f"{type_}_" if type_ in RESERVED else type_.replace("-", "_")


def _request(asked: Asked) -> dict[str, Any]:
    context = asked.context
    if context.get("given"):
        context = context | {"given": known(context["given"])}
    return {
        "principal": _entity(asked.principal),
        "action": _entity(("Action", asked.action)),
        "resource": _entity(asked.resource),
        "context": msgspec.json.encode(context).decode(),
    }


def _entity(name: tuple[str, str]) -> Mapping[str, str]:
    return {"type": name[0], "id": name[1]}


def _verdict(some: Slice, decision: cedarpy.Decision, said: cedarpy.Diagnostics) -> Verdict:
    if decision is cedarpy.Decision.NoDecision:
        return Verdict(False, failed=_ids(some.policies))
    failed = _named(some, said.errors)
    reasons = _named(some, [f"policy `{one}`" for one in said.reasons])
    forbids = [one for one in (*reasons, *failed) if one.effect == FORBID]
    allowed = decision is cedarpy.Decision.Allow
    return Verdict(
        allowed=allowed and not forbids,
        permits=_ids(reasons) if allowed else (),
        forbids=_ids(forbids),
        failed=_ids(failed),
    )


def _named(some: Slice, said: Iterable[str]) -> list[Policy]:
    """The policies that Cedar names by their place in the slice, in that order. Raises ValueError."""
    found = [_FAILED.search(one) for one in said]
    if not all(found):
        raise ValueError(f"which policy is meant by {said!r}?")
    return [some.policies[number] for number in sorted(int(one[1]) for one in found if one)]


def _ids(policies: Iterable[Policy]) -> tuple[str, ...]:
    return tuple(one.id for one in policies)


@cache
def _shipped() -> tuple[Policy, ...]:
    return tuple(parsed(shipped.POLICIES))
