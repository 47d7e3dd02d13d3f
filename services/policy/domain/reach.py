"""What follows from facts: the groups of a subject, where a resource lies, what roles inherit, which shares stand.

All of it ends, whatever the facts say: circles are refused when they are written, and here they change nothing.
"""

from collections.abc import Collection, Mapping, Sequence

from services.policy.domain.actions import permits
from services.policy.domain.facts import (
    Assignment,
    Fact,
    Facts,
    Label,
    Membership,
    Parent,
    Role,
    Share,
    assignments,
    exclusions,
    labels_of,
    memberships,
    parent_in,
    role,
    shares_in,
    stands,
)

MAX_DEPTH = 32
"""Resources within resources, shares on shares."""


class TooDeep(Exception):
    """What is written is never so deep; what cannot be seen to its end is not relied on."""


def leads_to(fact: Fact) -> Sequence[str]:
    """The streams that are looked at after a fact, where they have to be read from elsewhere."""
    match fact:
        case Membership(_, group):
            return [f"group/{group}", f"membership/group/{group}", f"assignment/group/{group}"]
        case Assignment(_, name):
            return [f"role/{name}"]
        case Role(_, _, inherits):
            return [f"role/{name}" for name in inherits]
        case Parent(_, outer):
            return [f"resource/{outer}", f"label/{outer}"]
    return []


def groups_of(facts: Facts, member: str, now: int) -> Mapping[str, str]:
    """Each group (`group/id`) that somebody is in, through groups within groups, and the member by which they are.

    Nobody is in a group that is not there: what refers to it would come back to life with the next of that name.
    """
    found: dict[str, str] = {}
    waiting = [member]
    while waiting:
        inner = waiting.pop()
        for one in memberships(facts, inner):
            group = f"group/{one.group}"
            if group not in found and group != member and stands(one.expires_at, now) and facts.of(group):
                found[group] = inner
                waiting.append(group)
    return found


def places_of(facts: Facts, resource: str | None) -> Sequence[str]:
    """A resource, that in which it lies, and so on; none for everything. Raises TooDeep."""
    return tuple(said_of_places(facts, resource))


def said_of_places(facts: Facts, resource: str | None) -> Mapping[str, Sequence[Fact]]:
    """The same, each with what its stream says. Raises TooDeep."""
    found: dict[str, Sequence[Fact]] = {}
    while resource is not None and resource not in found:
        if len(found) == MAX_DEPTH:
            raise TooDeep(resource)
        found[resource] = said = facts.of(f"resource/{resource}")
        resource = parent_in(said)
    return found


def inherited(facts: Facts, name: str, without: Collection[str] = ()) -> Mapping[str, str]:
    """A role and all that it inherits, each with the one that inherits it (the first: itself); none of `without`."""
    if without:
        return _inherited(facts, name, without)
    known = facts.closures()
    if name not in known:
        known[name] = _inherited(facts, name, ())
    return known[name]


def _inherited(facts: Facts, name: str, without: Collection[str]) -> Mapping[str, str]:
    found = {} if name in without else {name: name}
    waiting = list(found)
    while waiting:
        outer = waiting.pop()
        defined = role(facts, outer)
        for inner in defined.inherits if defined else ():
            if inner not in found and inner not in without:
                found[inner] = outer
                waiting.append(inner)
    return found


def way(steps: Mapping[str, str], last: str, first: str) -> Sequence[str]:
    """From `first` to `last`, as found."""
    back = [last]
    while back[-1] != first:
        back.append(steps[back[-1]])
    return back[::-1]


def held(facts: Facts, holders: Collection[str], now: int) -> Mapping[str, tuple[str, str]]:
    """Each role that is held anywhere, or inherited by one that is: who holds it, and which one they were given."""
    found: dict[str, tuple[str, str]] = {}
    for holder in holders:
        for one in assignments(facts, holder):
            if stands(one.expires_at, now):
                for name in inherited(facts, one.role):
                    found.setdefault(name, (holder, one.role))
    return found


def excluded(facts: Facts, given: Collection[str]) -> Collection[str]:
    """Roles that give nothing to who was given these, since they hold two of an exclusion."""
    rules = exclusions(facts)
    if not rules:
        return ()
    have = {name for role in given for name in inherited(facts, role)}
    return {name for rule in rules if len(have.intersection(rule.roles)) > 1 for name in rule.roles}


def joined(facts: Facts, places: Sequence[str]) -> Label:
    """The label of what lies in all these: the highest level, all categories."""
    labels = [one for place in places for one in labels_of(facts, place)]
    if not labels:
        return Label(places[0] if places else "")
    categories = {category for one in labels for category in one.categories}
    return Label(places[0], max(one.level for one in labels), tuple(sorted(categories)))


def chain(share: Share, others: Mapping[str, Share]) -> Sequence[Share] | None:
    """A share and all on which it rests, the owner's last; None where one of them is gone or may not be passed on.

    Raises TooDeep.
    """
    found = [share]
    while found[-1].under:
        below = others.get(found[-1].under)
        if below is None or not below.pass_on or below in found:
            return None
        found.append(below)
        if len(found) > MAX_DEPTH:
            raise TooDeep(share.id)
    return found


def gives(share: Share, others: Mapping[str, Share], action: str, now: int) -> bool:
    """Whether a share stands, with all on which it rests, and allows an action. Raises TooDeep."""
    under = chain(share, others)
    return under is not None and all(stands(one.expires_at, now) and permits(one.actions, action) for one in under)


def given_in(said: Sequence[Fact], action: str, now: int) -> Sequence[Share]:
    """The shares that allow an action, of what the stream of a place says. Raises TooDeep."""
    there = shares_in(said)
    if not there:
        return ()
    return [one for one in there.values() if gives(one, there, action, now)]
