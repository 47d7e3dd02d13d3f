"""Facts ↔ the events that say them, and a stream's facts as its events add up to them."""

from collections.abc import Sequence
from typing import cast

import msgspec

from eventlog.events import Event, Recorded
from eventlog.log import Fold
from services.policy.domain import events as said
from services.policy.domain.facts import (
    Action,
    Assignment,
    Exclusion,
    Fact,
    Group,
    Label,
    Membership,
    Mode,
    Owner,
    Parent,
    Role,
    Share,
    key_of,
)


class Placed(msgspec.Struct, frozen=True):
    """A fact, and the position since which it is so."""

    fact: Fact
    position: int


class Stated(msgspec.Struct, frozen=True):
    """The facts of a stream, in the order in which they were said, each by what tells it from the others there."""

    placed: dict[str, Placed] = {}

    @property
    def facts(self) -> Sequence[Fact]:
        return [one.fact for one in self.placed.values()]

    def like(self, fact: Fact) -> Placed | None:
        """What is said under the same name."""
        return self.placed.get(key_of(fact))


class First(msgspec.Struct, frozen=True):
    """The first administrator; empty while there is none."""

    account_id: str = ""


class Recall(msgspec.Struct, frozen=True):
    """Nothing is decided on what was recalled."""


def heard(event: Event) -> tuple[Fact, bool] | None:
    """The fact that an event is about, and whether it holds from then on; None where it says none."""
    return _defined(event) or _given(event) or _of_resources(event)


def _defined(event: Event) -> tuple[Fact, bool] | None:
    match event:
        case said.RoleDefined(role=role):
            return Role(role, tuple(event.actions), tuple(event.inherits), event.description), True
        case said.RoleRemoved(role=role):
            return Role(role), False
        case said.GroupDefined(group=group):
            return Group(group, event.description), True
        case said.GroupRemoved(group=group):
            return Group(group), False
        case said.ExclusionDefined(exclusion=name):
            return Exclusion(name, tuple(event.roles)), True
        case said.ExclusionRemoved(exclusion=name):
            return Exclusion(name), False
        case said.ActionClassified(pattern=pattern):
            return Action(pattern, cast(Mode, event.mode)), True
        case said.ActionUnclassified(pattern=pattern):
            return Action(pattern), False
    return None


def _given(event: Event) -> tuple[Fact, bool] | None:
    match event:
        case said.RoleAssigned():
            return Assignment(*_assignment(event), event.expires_at), True
        case said.RoleUnassigned():
            return Assignment(*_assignment(event)), False
        case said.MemberAdded(member=member, group=group):
            return Membership(member, group, event.expires_at), True
        case said.MemberRemoved(member=member, group=group):
            return Membership(member, group), False
        case said.LabelSet(thing=thing):
            return Label(thing, event.level, tuple(event.categories)), True
        case said.LabelCleared(thing=thing):
            return Label(thing), False
    return None


def _of_resources(event: Event) -> tuple[Fact, bool] | None:
    match event:
        case said.ResourceOwned(resource=resource):
            return Owner(resource, event.owner), True
        case said.ResourceDisowned(resource=resource):
            return Owner(resource), False
        case said.ResourcePlaced(resource=resource):
            return Parent(resource, event.parent), True
        case said.ResourceDisplaced(resource=resource):
            return Parent(resource), False
        case said.ResourceShared(resource=resource, share=id):
            given = (event.by, event.to, tuple(event.actions), event.pass_on, event.under, event.expires_at)
            return Share(resource, id, *given), True
        case said.ResourceUnshared(resource=resource, share=id):
            return Share(resource, id), False
    return None


def _assignment(event: said.RoleAssigned | said.RoleUnassigned) -> tuple[str, str, str | None]:
    resource = None
    if event.resource_type is not None and event.resource_id is not None:
        resource = f"{event.resource_type}/{event.resource_id}"
    return f"{event.subject_type}/{event.subject_id}", event.role, resource


def saying(fact: Fact) -> Event:
    """The event that makes it so."""
    match fact:
        case Role(name):
            return said.RoleDefined(
                role=name, actions=list(fact.actions), inherits=list(fact.inherits), description=fact.description
            )
        case Group(id):
            return said.GroupDefined(group=id, description=fact.description)
        case Membership(member, group):
            return said.MemberAdded(member=member, group=group, expires_at=fact.expires_at)
        case Assignment():
            return said.RoleAssigned(**_parts(fact), expires_at=fact.expires_at)
        case Exclusion(name):
            return said.ExclusionDefined(exclusion=name, roles=list(fact.roles))
        case Label(of):
            return said.LabelSet(thing=of, level=fact.level, categories=list(fact.categories))
        case Owner(resource):
            return said.ResourceOwned(resource=resource, owner=fact.owner)
        case Parent(resource):
            return said.ResourcePlaced(resource=resource, parent=fact.parent)
        case Action(pattern):
            return said.ActionClassified(pattern=pattern, mode=fact.mode)
    return _shared(fact)


def _shared(share: Share) -> Event:
    return said.ResourceShared(
        resource=share.resource,
        share=share.id,
        by=share.by,
        to=share.to,
        actions=list(share.actions),
        pass_on=share.pass_on,
        under=share.under,
        expires_at=share.expires_at,
    )


def unsaying(fact: Fact) -> Event:
    """The event after which it is so no longer."""
    match fact:
        case Role(name):
            return said.RoleRemoved(role=name)
        case Group(id):
            return said.GroupRemoved(group=id)
        case Membership(member, group):
            return said.MemberRemoved(member=member, group=group)
        case Assignment():
            return said.RoleUnassigned(**_parts(fact))
        case Exclusion(name):
            return said.ExclusionRemoved(exclusion=name)
        case Label(of):
            return said.LabelCleared(thing=of)
        case Owner(resource):
            return said.ResourceDisowned(resource=resource)
        case Parent(resource):
            return said.ResourceDisplaced(resource=resource)
        case Action(pattern):
            return said.ActionUnclassified(pattern=pattern)
    return said.ResourceUnshared(resource=fact.resource, share=fact.id)


def _parts(fact: Assignment) -> dict[str, str]:
    subject_type, _, subject_id = fact.holder.partition("/")
    parts = {"role": fact.role, "subject_type": subject_type, "subject_id": subject_id}
    if fact.resource is not None:
        parts["resource_type"], _, parts["resource_id"] = fact.resource.partition("/")
    return parts


def evolve(state: Stated, event: Event, row: Recorded) -> Stated:
    """A stream's facts after one more event."""
    about = heard(event)
    if about is None:
        return state
    fact, holds = about
    placed = state.placed.copy()
    placed.pop(key_of(fact), None)
    if holds:
        placed[key_of(fact)] = Placed(fact, row.position)
    return Stated(placed)


def _first(state: First, event: Event, row: Recorded) -> First:
    return First(event.account_id) if isinstance(event, said.AdministratorCreated) else state


FOLDS = {
    kind: Fold(kind, Stated(), evolve, snapshots=True)
    for kind in ("role", "group", "membership", "assignment", "exclusion", "label", "resource", "action")
}
"""How the streams are read that hold facts, by their kind."""
SUITE = Fold("suite", First(), _first)
RECALL = Fold("recall", Recall(), lambda state, event, row: state, once=True)
FIRST = "administrator"
