"""Facts by what they point at: who holds a role, what lies in a folder, what was shared with a group.

It is where searches begin: what is found so may be too much, never too little.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol

from services.policy.domain.entities import Entity
from services.policy.domain.facts import (
    EXCLUSIONS,
    Assignment,
    Exclusion,
    Fact,
    Facts,
    Group,
    Label,
    Membership,
    Owner,
    Parent,
    Role,
    Share,
    assignments,
    memberships,
)

EVERYTHING = "*"
OF_TYPE = "type "
"""How a target begins that leads to the things of a type."""


class Pointers(Facts, Protocol):
    """Facts that are also found by what they point at."""

    def pointing(self, target: str) -> Collection[str]:
        """What points at a target: `role NAME`, `at PLACE` lead to holders, `in GROUP` to members, `subject TYPE` to
        both, `inside PLACE`, `owned HOLDER`, `to HOLDER` and `type TYPE` to resources, `inherits NAME` to roles.
        """
        ...


def pointers(fact: Fact) -> Sequence[tuple[str, str]]:
    """The targets at which a fact points, each with what it leads to."""
    match fact:
        case Assignment(holder, role, resource):
            here = resource or EVERYTHING
            return [(f"role {role}", holder), (f"at {here}", holder), *_subject(holder), *_typed(resource)]
        case Membership(member, group):
            return [(f"in {group}", member), *_subject(member)]
        case Owner(resource, owner):
            return [(f"owned {owner}", resource), *_typed(resource)]
        case Parent(resource, parent):
            return [(f"inside {parent}", resource), *_typed(resource), *_typed(parent)]
        case Share(resource, to=to):
            return [(f"to {to}", resource), *_typed(resource)]
        case Label(of):
            return _typed(of)
        case Role(name):
            return [(f"inherits {inner}", name) for inner in fact.inherits]
    return []


def _subject(holder: str) -> Sequence[tuple[str, str]]:
    return [(f"subject {Entity.of(holder).type}", holder)]


def _typed(thing: str | None) -> Sequence[tuple[str, str]]:
    return [] if thing is None else [(f"{OF_TYPE}{Entity.of(thing).type}", thing)]


def below(holder: str, found: Pointers, most: int) -> Sequence[str]:
    """A holder and, where it is a group, all that are in it; `most` of them."""
    return list(islice(members([holder], found), most))


def holders(roles: Iterable[str], found: Pointers, most: int) -> Sequence[str]:
    """Who holds one of these roles, or one that inherits them; `most` of them."""
    outer = spread(roles, lambda name: found.pointing(f"inherits {name}"))
    given = (holder for name in outer for holder in found.pointing(f"role {name}"))
    return list(islice(members(given, found), most))


def height(resource: str, found: Pointers, most: int) -> int:
    """How deep others lie in a resource; `most` where it is more."""
    level, deep = [resource], 0
    while deep < most and (level := [inner for one in level for inner in found.pointing(f"inside {one}")]):
        deep += 1
    return deep


def members(first: Iterable[str], found: Pointers) -> Iterator[str]:
    """These, and of groups all that are in them."""
    return spread(first, lambda one: found.pointing(f"in {one[6:]}") if one.startswith("group/") else ())


def spread(first: Iterable[str], wider: Callable[[str], Iterable[str]]) -> Iterator[str]:
    """These, all that each leads to, and so on; each once."""
    seen: set[str] = set()
    waiting = list(first)
    while waiting:
        one = waiting.pop()
        if one not in seen:
            seen.add(one)
            yield one
            waiting += wider(one)


def users(fact: Role | Group, found: Pointers) -> Iterator[Fact]:
    """The facts that refer to a role or a group."""
    if isinstance(fact, Role):
        for holder in found.pointing(f"role {fact.name}"):
            yield from (one for one in assignments(found, holder) if one.role == fact.name)
        for outer in found.pointing(f"inherits {fact.name}"):
            yield from found.of(f"role/{outer}")
        yield from (one for one in found.of(EXCLUSIONS) if isinstance(one, Exclusion) and fact.name in one.roles)
        return
    group = f"group/{fact.id}"
    for member in found.pointing(f"in {fact.id}"):
        yield from (one for one in memberships(found, member) if one.group == fact.id)
    yield from assignments(found, group)
    yield from memberships(found, group)
    resources = {*found.pointing(f"owned {group}"), *found.pointing(f"to {group}")}
    told = (one for resource in resources for one in found.of(f"resource/{resource}"))
    yield from (one for one in told if group in (getattr(one, "owner", ""), getattr(one, "to", "")))
