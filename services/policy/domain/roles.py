"""Roles and who holds them: the events, the folded states, and what changing them means."""

import re
from collections.abc import Sequence
from typing import TypedDict

import msgspec

from eventlog.errors import Kind, Refusal
from eventlog.events import Event, Instant, Recorded, Registry
from eventlog.log import Fold
from services.policy.domain.entities import ACCOUNT, Entity, is_action_pattern

ADMINISTRATOR = "administrator"
FIRST = "administrator"
_ROLE = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
MAX_ACTIONS = 1000
MAX_DESCRIPTION = 500

policy_events = Registry("policy")


@policy_events.event("role.defined")
class RoleDefined(Event):
    """A role was defined, or defined anew: these are now all the actions that it allows."""

    role: str
    """The role's name."""
    actions: list[str]
    """What whoever holds it may do: `a.b`, `a.*`, or `*` for everything."""
    description: str = ""
    """What the role is for, in the administrator's words. Absent: nothing was said."""


@policy_events.event("role.assigned")
class RoleAssigned(Event):
    """Somebody was given a role. Watch for the role `administrator`."""

    role: str
    subject_type: str
    """What the holder is: `account` or `service`."""
    subject_id: str
    """Who holds it: an account's id (`acc_…`), or a client's."""
    resource_type: str | None = None
    """The kind of thing on which they hold it. Absent: on everything."""
    resource_id: str | None = None
    """Which thing of that kind. Absent: on everything."""
    expires_at: Instant | None = None
    """Until when, RFC 3339 in UTC with six decimals. Absent: until it is taken back."""


@policy_events.event("role.unassigned")
class RoleUnassigned(Event):
    """A role was taken back."""

    role: str
    subject_type: str
    subject_id: str
    resource_type: str | None = None
    resource_id: str | None = None


@policy_events.event("administrator.created")
class AdministratorCreated(Event):
    """The operator made the first administrator, once in the life of a suite. A second one is an alarm."""

    account_id: str
    """Whose account: an opaque id, `acc_` and random characters; never a name."""


class Role(msgspec.Struct, frozen=True):
    """A role's definition and the position at which it stands; position 0: not defined."""

    actions: tuple[str, ...] = ()
    description: str = ""
    position: int = 0


class Assignment(msgspec.Struct, frozen=True):
    """A role held on a resource (everything, where None) until `expires_at` (µs since 1970; None: for ever)."""

    role: str
    resource: Entity | None = None
    expires_at: int | None = None
    position: int = 0

    def same_place(self, other: "Assignment") -> bool:
        return (self.role, self.resource) == (other.role, other.resource)


class Held(msgspec.Struct, frozen=True):
    """What one subject holds."""

    assignments: tuple[Assignment, ...] = ()

    def like(self, wanted: Assignment) -> Assignment | None:
        return next((one for one in self.assignments if one.same_place(wanted)), None)


class First(msgspec.Struct, frozen=True):
    """The first administrator; empty while there is none."""

    account_id: str = ""


def _role(state: Role, event: Event, row: Recorded) -> Role:
    if isinstance(event, RoleDefined):
        return Role(tuple(event.actions), event.description, row.position)
    return state


def _held(state: Held, event: Event, row: Recorded) -> Held:
    if not isinstance(event, RoleAssigned | RoleUnassigned):
        return state
    changed = assignment_of(event, row.position)
    rest = tuple(one for one in state.assignments if not one.same_place(changed))
    return Held((*rest, changed) if isinstance(event, RoleAssigned) else rest)


def _first(state: First, event: Event, row: Recorded) -> First:
    return First(event.account_id) if isinstance(event, AdministratorCreated) else state


ROLES = Fold("role", Role(), _role)
ASSIGNMENTS = Fold("assignment", Held(), _held)
SUITE = Fold("suite", First(), _first)


def assignment_of(event: RoleAssigned | RoleUnassigned, position: int) -> Assignment:
    """What an event says is held, or is held no longer."""
    resource = None
    if event.resource_type is not None and event.resource_id is not None:
        resource = Entity(event.resource_type, event.resource_id)
    return Assignment(event.role, resource, getattr(event, "expires_at", None), position)


def define(before: Role, role: str, actions: Sequence[str], description: str) -> list[Event]:
    """Defining a role anew replaces its actions. Nothing happens where it is defined so already."""
    bad = [action for action in actions if not is_action_pattern(action)]
    if bad or not 0 < len(actions) <= MAX_ACTIONS:
        named = f": {bad[0][:100]!r} is none" if bad else ""
        raise Refusal(Kind.INVALID, "actions_invalid", f"1 to {MAX_ACTIONS} actions such as a.b, a.* or *{named}")
    if len(description) > MAX_DESCRIPTION or not (description.isprintable()):
        raise Refusal(Kind.INVALID, "description_invalid", f"at most {MAX_DESCRIPTION} printable characters")
    wanted = tuple(sorted(set(actions)))
    if before.position and (before.actions, before.description) == (wanted, description):
        return []
    return [RoleDefined(role=role, actions=list(wanted), description=description)]


def assign(held: Held, role: Role, subject: Entity, wanted: Assignment, now: int) -> list[Event]:
    """Assigning again changes the expiry. Nothing happens where the role is held so already."""
    if not role.position:
        raise Refusal(Kind.NOT_FOUND, "role_unknown", f"there is no role {wanted.role[:64]!r}")
    if wanted.expires_at is not None and wanted.expires_at <= now:
        raise Refusal(Kind.INVALID, "expiry_in_the_past", "an assignment must end after now")
    before = held.like(wanted)
    if before is not None and before.expires_at == wanted.expires_at:
        return []
    return [RoleAssigned(**_where(subject, wanted), expires_at=wanted.expires_at)]


def unassign(held: Held, subject: Entity, unwanted: Assignment) -> list[Event]:
    """Takes a role back from the place where it is held."""
    if held.like(unwanted) is None:
        raise Refusal(Kind.NOT_FOUND, "not_assigned", "the subject does not hold this role there")
    return [RoleUnassigned(**_where(subject, unwanted))]


def create_first(first: First, role: Role, held: Held, account_id: str) -> tuple[list[Event], list[Event], list[Event]]:
    """Once in a log's life: the events for the suite, its role where that is missing, and the assignment."""
    if first.account_id:
        raise Refusal(Kind.PRECONDITION, "administrator_exists", "the first administrator has been created before")
    subject, wanted = account(account_id), Assignment(ADMINISTRATOR)
    defined = [] if role.position else define(role, ADMINISTRATOR, ["*"], "May do everything.")
    assigned: list[Event] = [] if held.like(wanted) else [RoleAssigned(**_where(subject, wanted))]
    return [AdministratorCreated(account_id=account_id)], defined, assigned


def account(account_id: str) -> Entity:
    return Entity(ACCOUNT, account_id)


def check_names(role: str, *entities: Entity | None) -> None:
    """Before anything is looked up by these names. Raises Refusal `role_name_invalid`, `entity_invalid`."""
    if not _ROLE.fullmatch(role):
        raise Refusal(Kind.INVALID, "role_name_invalid", "a role is a lowercase word of letters, digits, '.', '_', '-'")
    if any(entity is not None and not entity.well_formed for entity in entities):
        raise Refusal(
            Kind.INVALID, "entity_invalid", "a type such as 'account', and an id of 1 to 256 characters in 768 bytes"
        )


class _Where(TypedDict):
    role: str
    subject_type: str
    subject_id: str
    resource_type: str | None
    resource_id: str | None


def _where(subject: Entity, assignment: Assignment) -> _Where:
    resource = assignment.resource
    return {
        "role": assignment.role,
        "subject_type": subject.type,
        "subject_id": subject.id,
        "resource_type": resource.type if resource else None,
        "resource_id": resource.id if resource else None,
    }
