"""A ground in words: the chain of facts from the subject to the resource."""

from services.policy.domain.case import Case, Ground
from services.policy.domain.facts import Assignment, Owner, Share


def policy_of(ground: Ground) -> str:
    """The shipped policy by which it permits."""
    match ground.fact:
        case Assignment():
            return "role"
        case Owner():
            return "owner"
        case Share():
            return "share"


def said(case: Case, ground: Ground) -> str:
    """Such as `account/acc_1 ∈ group/staff → editor → inherits viewer → on folder/7 → contains document/9`."""
    return " → ".join(steps(case, ground))


def steps(case: Case, ground: Ground) -> list[str]:
    """The same, a step each."""
    return [_members(case, ground.holder), *_fact(ground), *_places(case, ground.place)]


def _members(case: Case, holder: str) -> str:
    """The subject, and the groups by which it is the holder."""
    back = [holder]
    while back[-1] in case.groups:
        back.append(case.groups[back[-1]])
    return " ∈ ".join(reversed(back))


def _fact(ground: Ground) -> list[str]:
    match ground.fact:
        case Assignment():
            first, *inherited = ground.roles
            return [first, *(f"inherits {name}" for name in inherited)]
        case Owner():
            return ["owner"]
        case Share(by=by, id=id):
            return [f"share {id} by {by}"]


def _places(case: Case, place: str | None) -> list[str]:
    """Where it holds, and how the resource lies there."""
    if place is None:
        return ["on everything"]
    within = case.places[: case.places.index(place)]
    return [f"on {place}", *(f"contains {inner}" for inner in reversed(within))]
