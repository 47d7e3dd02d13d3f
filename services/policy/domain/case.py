"""All that speaks to a question, gathered from the facts: pure, and the same for now and for any other time."""

from collections.abc import Mapping, Sequence

import msgspec

from services.policy.domain.actions import mode_of, permits
from services.policy.domain.entities import Question
from services.policy.domain.facts import (
    Assignment,
    Facts,
    Holding,
    Label,
    Owner,
    Share,
    label,
    modes,
    owner,
    role,
)
from services.policy.domain.holding import holding
from services.policy.domain.reach import given_at, joined, places_of, way


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
    places = places_of(facts, None if resource is None else str(resource))
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
        _owners(facts, holders, places),
        _shares(question.action, facts, holders, places, now),
    )


def _roles(action: str, facts: Facts, has: Holding, places: Sequence[str]) -> Sequence[Ground]:
    found = []
    for place in (None, *places):
        for one, reached in has.given.get(place, ()):
            if name := next((name for name in reached if _allows(facts, name, action)), None):
                found.append(Ground(one, one.holder, place, tuple(way(reached, name, one.role))))
    return found


def _allows(facts: Facts, name: str, action: str) -> bool:
    defined = role(facts, name)
    return defined is not None and permits(defined.actions, action)


def _owners(facts: Facts, holders: Sequence[str], places: Sequence[str]) -> Sequence[Ground]:
    whose = owner(facts, places[0]) if places else None
    return [Ground(Owner(places[0], whose), whose, places[0])] if whose is not None and whose in holders else []


def _shares(action: str, facts: Facts, holders: Sequence[str], places: Sequence[str], now: int) -> Sequence[Ground]:
    return [
        Ground(one, one.to, place)
        for place in places
        for one in given_at(facts, place, action, now)
        if one.to in holders
    ]
