"""What administrators and owners say (docs/policy.md): values, what names them, and the streams that hold them.

Things are spelled `type/id`. Times are in µs since 1970 by the log's time; None: without an end. There may be millions,
and none is in a ring: the collector of garbage passes them by.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, cast

import msgspec

GROUP = "group"
Mode = Literal["reads", "writes", "both", "neither"]


class Role(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="role", omit_defaults=True):
    """Who holds it may do these actions, and what the roles that it inherits allow."""

    name: str
    actions: tuple[str, ...] = ()
    inherits: tuple[str, ...] = ()
    description: str = ""


class Group(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="group", omit_defaults=True):
    """There is such a group."""

    id: str
    description: str = ""


class Membership(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="membership", omit_defaults=True):
    """A subject or a group is a member of a group, given by its id."""

    member: str
    group: str
    expires_at: int | None = None


class Assignment(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="assignment", omit_defaults=True):
    """A role is held on a resource; on everything, where that is None."""

    holder: str
    role: str
    resource: str | None = None
    expires_at: int | None = None


class Exclusion(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="exclusion", omit_defaults=True):
    """Nobody may hold two of these roles."""

    name: str
    roles: tuple[str, ...] = ()


class Label(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="label", omit_defaults=True):
    """How secret a thing is, or how far a subject is trusted."""

    of: str
    level: int = 0
    categories: tuple[str, ...] = ()


class Owner(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="owner", omit_defaults=True):
    """Whose a resource is."""

    resource: str
    owner: str = ""


class Parent(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="parent", omit_defaults=True):
    """In which resource one lies."""

    resource: str
    parent: str = ""


class Share(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="share", omit_defaults=True):
    """`by` gives `to` some actions on a resource. It rests on the share `under`; on the owner's word, where empty."""

    resource: str
    id: str
    by: str = ""
    to: str = ""
    actions: tuple[str, ...] = ()
    pass_on: bool = False
    under: str = ""
    expires_at: int | None = None


class Action(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="action", omit_defaults=True):
    """What an action, or all of `a.*`, does to what it touches."""

    pattern: str
    mode: Mode = "both"


Fact = Role | Group | Membership | Assignment | Exclusion | Label | Owner | Parent | Share | Action


class Holding(msgspec.Struct, frozen=True):
    """What somebody has wherever it may hold, by all facts that are not about a resource, from `since` until `until`.

    `groups` tells of each the member by which they are in it. `given` are the assignments that stand, by the resource,
    each with the roles that it comes to and which one inherits each (see reach.inherited); none where two exclude each
    other. `streams` are those on which this rests, roles excepted.
    """

    groups: Mapping[str, str]
    given: Mapping[str | None, Sequence[tuple[Assignment, Mapping[str, str]]]]
    streams: Sequence[str]
    since: int
    until: int | None


class Facts(Protocol):
    """All facts, by the streams that hold them. What has not been looked up raises Unread."""

    def of(self, stream: str) -> Sequence[Fact]: ...

    def closures(self) -> dict[str, Mapping[str, str]]:
        """What roles inherit, as far as that was looked for (see reach.inherited), for as long as no role changes."""
        ...

    def holdings(self) -> "dict[str, Holding]":
        """What somebody has, as far as that was looked for (see holding.holding), while it rests on the same facts."""
        ...


class Unread(Exception):
    """What is asked of a stream is not known until it has been read."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.stream = stream


class Known(dict[str, Sequence[Fact]]):
    """Facts of just the streams that were read."""

    def of(self, stream: str) -> Sequence[Fact]:
        """Raises Unread."""
        if stream not in self:
            raise Unread(stream)
        return self[stream]

    def closures(self) -> dict[str, Mapping[str, str]]:
        """Nothing is remembered: streams are read and changed meanwhile."""
        return {}

    def holdings(self) -> dict[str, Holding]:
        """See closures."""
        return {}


EXCLUSIONS, ACTIONS = "exclusion/all", "action/all"


def stream_of(fact: Fact) -> str:
    """The stream that holds a fact."""
    match fact:
        case Role(name):
            return f"role/{name}"
        case Group(id):
            return f"group/{id}"
        case Membership(member):
            return f"membership/{member}"
        case Assignment(holder):
            return f"assignment/{holder}"
        case Exclusion():
            return EXCLUSIONS
        case Label(of):
            return f"label/{of}"
        case Action():
            return ACTIONS
    return f"resource/{fact.resource}"


def key_of(fact: Fact) -> str:
    """What tells a fact from the others of its stream."""
    match fact:
        case Membership(_, group):
            return f"membership {group}"
        case Assignment(_, role, resource):
            return f"assignment {role}" if resource is None else f"assignment {role} {resource}"
        case Exclusion(name):
            return f"exclusion {name}"
        case Share(_, id):
            return f"share {id}"
        case Action(pattern):
            return f"action {pattern}"
    return str(fact.__struct_config__.tag)


def stands(expires_at: int | None, now: int) -> bool:
    """An end is exclusive."""
    return expires_at is None or now < expires_at


def role(facts: Facts, name: str) -> Role | None:
    said = cast("Sequence[Role]", facts.of(f"role/{name}"))
    return said[0] if said else None


def assignments(facts: Facts, holder: str) -> Sequence[Assignment]:
    return cast("Sequence[Assignment]", facts.of(f"assignment/{holder}"))


def memberships(facts: Facts, member: str) -> Sequence[Membership]:
    return cast("Sequence[Membership]", facts.of(f"membership/{member}"))


def exclusions(facts: Facts) -> Sequence[Exclusion]:
    return cast("Sequence[Exclusion]", facts.of(EXCLUSIONS))


def label(facts: Facts, thing: str) -> Label:
    said = labels_of(facts, thing)
    return said[0] if said else Label(thing)


def labels_of(facts: Facts, thing: str) -> Sequence[Label]:
    """One, or none."""
    return cast("Sequence[Label]", facts.of(f"label/{thing}"))


def owner(facts: Facts, resource: str) -> str | None:
    return owner_in(facts.of(f"resource/{resource}"))


def owner_in(said: Sequence[Fact]) -> str | None:
    """By what the stream of a resource says."""
    for one in said:
        if isinstance(one, Owner):
            return one.owner
    return None


def parent(facts: Facts, resource: str) -> str | None:
    return parent_in(facts.of(f"resource/{resource}"))


def parent_in(said: Sequence[Fact]) -> str | None:
    """See owner_in."""
    for one in said:
        if isinstance(one, Parent):
            return one.parent
    return None


def shares(facts: Facts, resource: str) -> Mapping[str, Share]:
    """By their ids."""
    return shares_in(facts.of(f"resource/{resource}"))


def shares_in(said: Sequence[Fact]) -> Mapping[str, Share]:
    """See owner_in."""
    return {one.id: one for one in said if isinstance(one, Share)}


def modes(facts: Facts) -> Mapping[str, Mode]:
    """What was said of actions, by pattern."""
    return {one.pattern: one.mode for one in facts.of(ACTIONS) if isinstance(one, Action)}
