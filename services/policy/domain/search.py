"""Who, what and which: candidates, found from what points at what. Each is then decided by itself.

They may be too many, never too few: but where an organization's own policy permits, only what facts speak of is found.
"""

from collections.abc import Collection, Iterator

from services.policy.domain.entities import Entity
from services.policy.domain.facts import ACTIONS, Action, assignments, memberships, owner, role, shares
from services.policy.domain.pointers import EVERYTHING, Pointers, members, spread
from services.policy.domain.reach import places_of


def subjects(type_: str, resource: str | None, found: Pointers, everybody: bool) -> Collection[str]:
    """Of a type, those to whom something is given where the resource lies; with `everybody`, all of that type."""
    if everybody:
        return found.pointing(f"subject {type_}")
    places = places_of(found, resource)
    given = {holder for place in (*places, EVERYTHING) for holder in found.pointing(f"at {place}")}
    given |= {share.to for place in places for share in shares(found, place).values()}
    given |= {whose} if places and (whose := owner(found, places[0])) else set()
    return _typed(members(given, found), type_)


def resources(type_: str, subject: str, found: Pointers, everywhere: bool) -> Collection[str]:
    """Of a type, those on which something is given to the subject; with `everywhere`, all of that type."""
    holders = list(spread([subject], lambda one: [f"group/{each.group}" for each in memberships(found, one)]))
    given = [one for holder in holders for one in assignments(found, holder)]
    if everywhere or any(one.resource is None for one in given):
        return found.pointing(f"type {type_}")
    roots = {one.resource for one in given if one.resource is not None}
    roots |= {one for holder in holders for how in ("owned", "to") for one in found.pointing(f"{how} {holder}")}
    return _typed(spread(roots, lambda one: found.pointing(f"inside {one}")), type_)


def actions(subject: str, resource: str | None, found: Pointers) -> Collection[str]:
    """Actions by name, as roles that the subject holds, shares where the resource lies, and what was said of actions
    name them."""
    holders = spread([subject], lambda one: [f"group/{each.group}" for each in memberships(found, one)])
    given = {one.role for holder in holders for one in assignments(found, holder)}
    roles = spread(given, lambda name: inner.inherits if (inner := role(found, name)) else ())
    named = {action for name in roles if (defined := role(found, name)) for action in defined.actions}
    there = [share for place in places_of(found, resource) for share in shares(found, place).values()]
    named |= {action for share in there for action in share.actions}
    named |= {one.pattern for one in found.of(ACTIONS) if isinstance(one, Action)}
    return {action for action in named if not action.endswith("*")}


def _typed(things: Iterator[str], type_: str) -> Collection[str]:
    return {thing for thing in things if Entity.of(thing).type == type_}
