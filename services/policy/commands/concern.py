"""Whom a change of facts concerns besides those that it names, as far as is known in this process.

What was acknowledged before is known. What another process writes at the same time is not seen here: docs/policy.md
says what is so in any case.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from eventlog.errors import Kind, Refusal
from services.policy.commands.naming import named
from services.policy.domain.entities import ACCOUNT, CLIENT, Entity
from services.policy.domain.facts import (
    GROUP,
    Assignment,
    Exclusion,
    Fact,
    Group,
    Membership,
    Parent,
    Role,
    key_of,
    stream_of,
)
from services.policy.domain.pointers import Pointers, below, height, holders, users
from services.policy.domain.reach import MAX_DEPTH

MOST = 1000
"""Holders whose exclusions are looked at for one fact that concerns many. What else breaks one opens nothing."""


def first(facts: Iterable[Fact], of: Callable[[Fact], Iterable[str]]) -> Mapping[str, Fact]:
    """All that `of` finds in the facts, each with the first in which it is."""
    found: dict[str, Fact] = {}
    for fact in facts:
        for one in of(fact):
            found.setdefault(one, fact)
    return found


def spreads(fact: Fact) -> bool:
    """Whether it concerns others than it names: who is in a group or holds a role, what lies in a resource."""
    match fact:
        case Role() | Group() | Exclusion() | Parent():
            return True
        case Assignment(holder) | Membership(holder):
            return Entity.of(holder).type == GROUP
    return False


def concerned(fact: Fact, known: Pointers) -> Sequence[str]:
    """Whose roles may exclude each other after it."""
    match fact:
        case Assignment(holder):
            return below(holder, known, MOST)
        case Membership(member):
            return below(member, known, MOST)
        case Role(name):
            return holders([name], known, MOST)
        case Exclusion():
            return holders(fact.roles, known, MOST)
    return ()


def recalled(changed: Iterable[Fact], known: Pointers) -> Sequence[str]:
    """The accounts and clients whose roles and groups it concerns. Raises Refusal `too_many_to_recall`."""
    by_fact = [concerned(fact, known) for fact in changed]
    if any(len(one) >= MOST for one in by_fact):
        raise Refusal(Kind.INVALID, "too_many_to_recall", f"it concerns {MOST} holders or more: revoke otherwise")
    found = {Entity.of(holder) for one in by_fact for holder in one}
    return sorted(one.id for one in found if one.type in (ACCOUNT, CLIENT))


def within(fact: Fact, known: Pointers) -> int:
    """How deep resources lie in the one that is placed."""
    return height(fact.resource, known, MAX_DEPTH) if isinstance(fact, Parent) else 0


Place = tuple[str, str]
"""A fact's stream, and what tells it from others there."""


def place(fact: Fact) -> Place:
    return stream_of(fact), key_of(fact)


def refuse_in_use(fact: Fact, leaving: Collection[Place], known: Pointers) -> None:
    """What is still referred to stays: what refers to it would come back to life with the next of that name.

    Nor is there a next while something does: two processes may have removed it and given it at once. Raises Refusal
    `role_in_use`, `group_in_use`.
    """
    if not isinstance(fact, Role | Group):
        return
    used = next((one for one in users(fact, known) if place(one) not in leaving), None)
    if used is not None:
        kind = "role" if isinstance(fact, Role) else "group"
        raise Refusal(Kind.PRECONDITION, f"{kind}_in_use", f"{named(used)} refers to it")


def looked_at(facts: Iterable[Fact], holders: Iterable[str]) -> Iterable[str]:
    """The streams that a change looks at in any case."""
    yield from map(stream_of, facts)
    for holder in holders:
        yield from (f"assignment/{holder}", f"membership/{holder}")
