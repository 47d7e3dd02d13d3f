"""The facts that speak of one thing."""

from collections.abc import Collection, Iterator, Sequence

from services.policy.domain.facts import (
    ACTIONS,
    EXCLUSIONS,
    Action,
    Assignment,
    Exclusion,
    Fact,
    Group,
    Label,
    Membership,
    Owner,
    Parent,
    Role,
    Share,
)
from services.policy.domain.pointers import Pointers


def about(thing: str, found: Pointers) -> Sequence[Fact]:
    """What is said of `role/NAME`, of `action/PATTERN`, or of any other thing, and by naming it, of others."""
    streams = dict.fromkeys(_streams(thing, found))
    return [fact for stream in streams for fact in found.of(stream) if thing in named(fact)]


def _streams(thing: str, found: Pointers) -> Iterator[str]:
    type_, _, id_ = thing.partition("/")
    yield from (thing, *(f"{kind}/{thing}" for kind in ("membership", "assignment", "label", "resource")))
    if type_ == "role":
        yield from (f"role/{name}" for name in found.pointing(f"inherits {id_}"))
        yield from (f"assignment/{holder}" for holder in found.pointing(f"role {id_}"))
    if type_ == "group":
        yield from (f"membership/{member}" for member in found.pointing(f"in {id_}"))
    yield from (f"assignment/{holder}" for holder in found.pointing(f"at {thing}"))
    yield from (f"resource/{one}" for how in ("inside", "owned", "to") for one in found.pointing(f"{how} {thing}"))
    yield from (EXCLUSIONS, ACTIONS)


def named(fact: Fact) -> Collection[str | None]:
    """The things that a fact names, a role as `role/NAME`, a group as `group/ID`, an action as `action/PATTERN`."""
    match fact:
        case Role(name):
            return [f"role/{one}" for one in (name, *fact.inherits)]
        case Assignment(holder, role, resource):
            return [holder, f"role/{role}", resource]
        case Group(id):
            return [f"group/{id}"]
        case Membership(member, group):
            return [member, f"group/{group}"]
        case Exclusion():
            return [f"role/{name}" for name in fact.roles]
        case Label(of):
            return [of]
        case Owner(resource, other) | Parent(resource, other):
            return [resource, other]
        case Share(resource):
            return [resource, fact.by, fact.to]
        case Action(pattern):
            return [f"action/{pattern}"]
