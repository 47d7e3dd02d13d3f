"""Whether a change of facts changes what labels forbid, which is an action of its own: else who may not set a label
could say that reading reads nothing, or move a document to where it is less secret.
"""

from collections.abc import Sequence

from services.policy.domain.facts import Action, Fact, Facts, Label, Parent, parent
from services.policy.domain.reach import TooDeep, joined, places_of


def relabels(write: Sequence[Fact], remove: Sequence[Fact], facts: Facts) -> bool:
    """`facts` are those before it."""
    if any(isinstance(fact, Label | Action) for fact in (*write, *remove)):
        return True
    left = [(fact.resource, None) for fact in remove if isinstance(fact, Parent)]
    moved = [(fact.resource, fact.parent) for fact in write if isinstance(fact, Parent)]
    return any(_lowers(resource, place, facts) for resource, place in (*left, *moved))


def _lowers(resource: str, place: str | None, facts: Facts) -> bool:
    """Whether what a resource lies in is not as secret as what it lay in."""
    try:
        before = joined(facts, places_of(facts, parent(facts, resource)))
        after = joined(facts, places_of(facts, place))
    except TooDeep:
        return True
    return after.level < before.level or not set(before.categories) <= set(after.categories)
