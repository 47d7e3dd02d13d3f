"""All that speaks to a question, gathered from the facts: pure, and the same for now and for any other time."""

from collections.abc import Mapping, Sequence

import msgspec

from services.policy.domain.actions import mode_of, permits
from services.policy.domain.entities import Question
from services.policy.domain.facts import (
    Assignment,
    Fact,
    Facts,
    Holding,
    Label,
    Owner,
    Share,
    label,
    modes,
    owner_in,
    role,
)
from services.policy.domain.holding import holding
from services.policy.domain.reach import given_in, joined, said_of_places, way

Said = Mapping[str, Sequence[Fact]]
"""Places, each with what its stream says."""


class Ground(msgspec.Struct, frozen=True):
    """What may permit it: a fact, who holds it, on which of the places (None: everything), and, for a role, the roles
    from the one that is held to the one that allows the action."""

    fact: Assignment | Owner | Share
    holder: str
    place: str | None
    roles: tuple[str, ...] = ()


class Case(msgspec.Struct, frozen=True):
    """A question with what speaks to it. `groups` tells of each the member by which the subject is in it; `places` are
    the resource and those in which it lies. It `rests_on` these streams about the subject, whatever the resource."""

    question: Question
    groups: Mapping[str, str]
    places: Sequence[str]
    rests_on: Sequence[str]
    reads: bool
    writes: bool
    subject_label: Label
    resource_label: Label
    roles: Sequence[Ground] = ()
    owners: Sequence[Ground] = ()
    shares: Sequence[Ground] = ()

    @property
    def streams(self) -> Sequence[str]:
        """What it rests on, whichever way it is answered; roles are judged one by one."""
        return [*self.rests_on, *(f"{kind}/{place}" for place in self.places for kind in ("resource", "label"))]


def gather(question: Question, facts: Facts, now: int) -> Case:
    """Of a well-formed question. Raises TooDeep, and Unread where facts have to be looked up first."""
    subject, resource = str(question.subject), question.resource
    has = holding(facts, subject, now)
    there = said_of_places(facts, None if resource is None else str(resource))
    places = tuple(there)
    holders = (subject, *has.groups)
    mode = mode_of(question.action, None if resource is None else resource.type, modes(facts))
    return Case(
        question,
        has.groups,
        places,
        has.streams,
        mode in ("reads", "both"),
        mode in ("writes", "both"),
        label(facts, subject),
        joined(facts, places),
        _roles(question.action, facts, has, places),
        _owners(there, holders),
        _shares(question.action, there, holders, now),
    )


def _roles(action: str, facts: Facts, has: Holding, places: Sequence[str]) -> Sequence[Ground]:
    found = []
    for place in (None, *places):
        for one, reached in has.given.get(place, ()):
            for name in reached:
                if (defined := role(facts, name)) is not None and permits(defined.actions, action):
                    found.append(Ground(one, one.holder, place, tuple(way(reached, name, one.role))))
                    break
    return found


def _owners(there: Said, holders: Sequence[str]) -> Sequence[Ground]:
    resource = next(iter(there), None)
    whose = None if resource is None else owner_in(there[resource])
    if resource is None or whose is None or whose not in holders:
        return []
    return [Ground(Owner(resource, whose), whose, resource)]


def _shares(action: str, there: Said, holders: Sequence[str], now: int) -> Sequence[Ground]:
    return [
        Ground(one, one.to, place)
        for place, said in there.items()
        for one in given_in(said, action, now)
        if one.to in holders
    ]
