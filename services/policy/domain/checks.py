"""What facts may not say together. Each is checked on the facts as they would be, and refused with the path that shows
why.

`facts` raise Unread where a stream has to be read first. Times are in µs since 1970 by the log's time.
"""

from collections.abc import Mapping, Sequence

from eventlog.errors import Kind, Refusal
from services.policy.domain.actions import SUITE, patterns
from services.policy.domain.entities import Entity
from services.policy.domain.facts import (
    GROUP,
    Assignment,
    Exclusion,
    Fact,
    Facts,
    Group,
    Membership,
    Parent,
    Role,
    Share,
    exclusions,
    owner,
    role,
    shares,
    stands,
)
from services.policy.domain.reach import MAX_DEPTH, TooDeep, chain, groups_of, held, inherited, way


def check(fact: Fact, facts: Facts, now: int, *, restored: bool = False, within: int = 0) -> None:
    """Raises Refusal; the codes are those of the functions below. `within`: how deep others lie in its resource.

    What is restored stood before: neither its end, who may share, nor what it labels is judged again, but how deep it
    goes.
    """
    match fact:
        case Role():
            _role(fact, facts)
        case Membership():
            _group(f"{GROUP}/{fact.group}", facts)
            _group(fact.member, facts)
            _membership(fact, facts, now)
        case Assignment():
            _known(fact.role, facts)
        case Exclusion():
            for name in fact.roles:
                _known(name, facts)
        case Parent():
            _parent(fact, facts, within)
        case Share() if restored:
            _chain(fact, shares(facts, fact.resource))
        case Share():
            _share(fact, facts, now)
    _group_of(fact, facts)
    if not restored:
        _end(getattr(fact, "expires_at", None), now)
        _labelled(getattr(fact, "of", ""))


def _role(fact: Role, facts: Facts) -> None:
    """`role_unknown`, `role_cycle`."""
    for inner in fact.inherits:
        if inner != fact.name:
            _known(inner, facts)
        below = inherited(facts, inner)
        if fact.name in below:
            raise _circle("role_cycle", [fact.name, *way(below, fact.name, inner)], "inherits")


def _known(name: str, facts: Facts) -> None:
    if role(facts, name) is None:
        raise Refusal(Kind.NOT_FOUND, "role_unknown", f"there is no role {name[:64]!r}")


def _group_of(fact: Fact, facts: Facts) -> None:
    """`group_unknown`: of whoever is given something."""
    for name in ("holder", "owner", "to"):
        _group(getattr(fact, name, ""), facts)


def _group(thing: str, facts: Facts) -> None:
    if Entity.of(thing).type == GROUP and not any(isinstance(one, Group) for one in facts.of(thing)):
        raise Refusal(Kind.NOT_FOUND, "group_unknown", f"there is no {thing[:70]!r}")


def _membership(fact: Membership, facts: Facts, now: int) -> None:
    """`group_cycle`."""
    group = f"{GROUP}/{fact.group}"
    above = {group: group, **groups_of(facts, group, now)}
    if fact.member in above:
        raise _circle("group_cycle", [fact.member, *way(above, fact.member, group)], "∈")


def _labelled(thing: str) -> None:
    """`suite_has_no_label`."""
    if Entity.of(thing).type == SUITE:
        reason = f"a label of {thing[:70]} would bind nobody: roles and policies say who administers the suite"
        raise Refusal(Kind.INVALID, "suite_has_no_label", reason)


def _parent(fact: Parent, facts: Facts, within: int) -> None:
    """`resource_cycle`, `resource_too_deep`. The fact itself has been said, so a circle comes back to its resource."""
    seen = [fact.resource]
    at: str | None = fact.parent
    while at is not None:
        seen.append(at)
        if at == fact.resource:
            raise _circle("resource_cycle", seen, "lies in")
        if len(seen) + within > MAX_DEPTH:
            raise Refusal(
                Kind.PRECONDITION, "resource_too_deep", f"resources lie in one another {MAX_DEPTH} deep at most"
            )
        at = next((one.parent for one in facts.of(f"resource/{at}") if isinstance(one, Parent)), None)


def _share(fact: Share, facts: Facts, now: int) -> None:
    """`may_not_share`: who shares owns the resource, or was given just that with the right to pass it on."""
    mine = (fact.by, *groups_of(facts, fact.by, now))
    if not fact.under:
        if (whose := owner(facts, fact.resource)) not in mine:
            raise _may_not(f"{fact.resource} is owned by {whose or 'nobody'}, not by {fact.by}")
        return
    there = shares(facts, fact.resource)
    below = _chain(fact, there)
    if not below:
        raise _may_not(f"share {fact.under} is not there, or may not be passed on")
    if below[0].to not in mine:
        raise _may_not(f"share {fact.under} was made to {below[0].to}, not to {fact.by}")
    for one in below:
        if not stands(one.expires_at, now):
            raise _may_not(f"share {one.id} has ended")
        for pattern in fact.actions:
            if not any(wider in one.actions for wider in patterns(pattern)):
                raise _may_not(f"share {one.id} does not give {pattern}")


def _chain(fact: Share, there: Mapping[str, Share]) -> Sequence[Share]:
    """On what it would rest, not on itself; nothing where that does not stand."""
    others = {key: one for key, one in there.items() if key != fact.id}
    try:
        below = chain(fact, others)
    except TooDeep:
        raise _may_not(f"shares rest on one another {MAX_DEPTH} deep at most") from None
    return below[1:] if below else ()


def check_exclusions(holder: str, facts: Facts, now: int) -> None:
    """Raises Refusal `roles_exclude_each_other` where somebody holds two roles of one rule."""
    rules = exclusions(facts)
    if not rules:
        return
    groups = groups_of(facts, holder, now)
    have = held(facts, (holder, *groups), now)
    for rule in rules:
        both = [name for name in rule.roles if name in have]
        if len(both) > 1:
            ways = "; ".join(_holding(holder, name, have[name], groups, facts) for name in both[:2])
            raise Refusal(Kind.PRECONDITION, "roles_exclude_each_other", f"exclusion {rule.name}: {ways}")


def _holding(holder: str, name: str, by: tuple[str, str], groups: Mapping[str, str], facts: Facts) -> str:
    members = {holder: holder, **groups}
    given_to, first = by
    roles = way(inherited(facts, first), name, first)
    return " → ".join([" ∈ ".join(way(members, given_to, holder)), roles[0], *(f"inherits {one}" for one in roles[1:])])


def _end(expires_at: int | None, now: int) -> None:
    if not stands(expires_at, now):
        raise Refusal(Kind.INVALID, "expiry_in_the_past", "it must end after now")


def _circle(code: str, path: Sequence[str], word: str) -> Refusal:
    return Refusal(Kind.PRECONDITION, code, f" {word} ".join(path))


def _may_not(reason: str) -> Refusal:
    return Refusal(Kind.FORBIDDEN, "may_not_share", reason)
