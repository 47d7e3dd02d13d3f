"""Whether a change of facts changes what labels forbid, which is an action of its own: else who may not set a label
could say that reading reads nothing, or move a document to where it is less secret.
"""

from services.policy.domain.facts import Action, Fact, Facts, Label, Parent, parent
from services.policy.domain.reach import TooDeep, joined, places_of


def relabels(fact: Fact, facts: Facts, *, removed: bool) -> bool:
    """Whether to write a fact, or to remove it, does that. `facts` are those before the change."""
    match fact:
        case Label() | Action():
            return True
        case Parent(resource, place):
            return _lowers(resource, None if removed else place, facts)
    return False


def _lowers(resource: str, place: str | None, facts: Facts) -> bool:
    """Whether what a resource lies in is not as secret as what it lay in."""
    try:
        before = joined(facts, places_of(facts, parent(facts, resource)))
        if not before.level and not before.categories:
            return False
        after = joined(facts, places_of(facts, place))
    except TooDeep:
        return True
    return after.level < before.level or not set(before.categories) <= set(after.categories)
