"""Only the policies that can match a question are evaluated: a thousand cost twenty times what five do."""

from collections import OrderedDict, defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

import cedarpy
import msgspec

from services.policy.domain.actions import patterns
from services.policy.domain.rules.scopes import PERMIT, Name, Policy, Side

KINDS = 2_000
"""Kinds of question whose candidates are remembered."""
KEPT = 20_000
"""Policies in all parsed sets that are kept; about 3 kB each."""

Bound = tuple[int, Name | None]
"""A policy, and in which resource the question's must lie."""


class Slice(msgspec.Struct, frozen=True):
    """Parsed policies, in this order."""

    policies: tuple[Policy, ...]
    parsed: cedarpy.PolicySet


class Candidates(msgspec.Struct, frozen=True):
    """Policies, by number, that can match a kind of question: always, or where an entity is or lies in a named one."""

    always: tuple[int, ...]
    by_principal: Mapping[Name, Sequence[Bound]]
    by_resource: Mapping[Name, Sequence[Bound]]


class Slices:
    """An index over policies."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        self._policies = tuple(policies)
        self._by_action: defaultdict[str | None, list[int]] = defaultdict(list)
        for number, policy in enumerate(self._policies):
            for action in policy.actions if policy.actions is not None else (None,):
                self._by_action[action].append(number)
        self._parsed: OrderedDict[tuple[int, ...], Slice] = OrderedDict()
        self.kept = 0
        self.candidates = lru_cache(maxsize=KINDS)(self._candidates)

    def of(self, principal: Name, action: str, resource: Name, entities: Collection[Mapping[str, Any]]) -> Slice:
        """The policies whose scopes can match: all others would neither permit nor forbid nor fail."""
        kind = self.candidates(principal[0], action, resource[0])
        numbers = kind.always
        if kind.by_principal or kind.by_resource:
            parents = {_name(one["uid"]): one.get("parents", ()) for one in entities}
            numbers = _with_bound(kind, _reach(principal, parents), _reach(resource, parents))
        return self._slice(numbers)

    def can_match(self, principal_type: str, action: str, resource_type: str) -> bool:
        """Whether one of them can match such a question."""
        if not self._policies:
            return False
        kind = self.candidates(principal_type, action, resource_type)
        return bool(kind.always or kind.by_principal or kind.by_resource)

    def permits(self, principal_type: str, action: str, resource_type: str) -> bool:
        """Whether one that permits can match such a question."""
        kind = self.candidates(principal_type, action, resource_type)
        bound = (one for ways in (kind.by_principal, kind.by_resource) for some in ways.values() for one, _ in some)
        return any(self._policies[number].effect == PERMIT for number in (*kind.always, *bound))

    def _candidates(self, principal_type: str, action: str, resource_type: str) -> Candidates:
        found = {number for name in (None, *patterns(action)) for number in self._by_action.get(name, ())}
        always: list[int] = []
        by_principal: defaultdict[Name, list[Bound]] = defaultdict(list)
        by_resource: defaultdict[Name, list[Bound]] = defaultdict(list)
        for number in sorted(found):
            who, what = self._policies[number].principal, self._policies[number].resource
            if not (_may_be(who, principal_type) and _may_be(what, resource_type)):
                continue
            if who.within is not None:
                by_principal[who.within].append((number, what.within))
            elif what.within is not None:
                by_resource[what.within].append((number, what.within))
            else:
                always.append(number)
        return Candidates(tuple(always), dict(by_principal), dict(by_resource))

    def _slice(self, numbers: tuple[int, ...]) -> Slice:
        kept = self._parsed.get(numbers)
        if kept is not None:
            self._parsed.move_to_end(numbers)
            return kept
        policies = tuple(self._policies[number] for number in numbers)
        made = Slice(policies, cedarpy.PolicySet.from_str("\n".join(one.text for one in policies)))
        self._parsed[numbers] = made
        self.kept += len(numbers)
        while self.kept > KEPT and len(self._parsed) > 1:
            self.kept -= len(self._parsed.popitem(last=False)[0])
        return made


def _may_be(side: Side, type_: str) -> bool:
    return side.type is None or side.type == type_


def _with_bound(kind: Candidates, principals: Collection[Name], resources: Collection[Name]) -> tuple[int, ...]:
    found = [one for name in principals for one in kind.by_principal.get(name, ())]
    found += [one for name in resources for one in kind.by_resource.get(name, ())]
    fitting = [number for number, within in found if within is None or within in resources]
    return tuple(sorted((*kind.always, *fitting)))


def _reach(start: Name, parents: Mapping[Name, Collection[Mapping[str, Any]]]) -> frozenset[Name]:
    """An entity and all in which it lies."""
    reached, waiting = {start}, [start]
    while waiting:
        above = [_name(one) for one in parents.get(waiting.pop(), ())]
        waiting += (new := [one for one in above if one not in reached])
        reached.update(new)
    return frozenset(reached)


def _name(uid: Mapping[str, Any]) -> Name:
    entity = uid.get("__entity", uid)
    return entity["type"], entity["id"]
