"""What policy keeps of the logs: its own roles and assignments, identity's accounts and sessions, token's revocations.

Others' events are declared here with just the fields that are read.
"""

from collections.abc import Iterable

import msgspec

from chassis.trust import SessionRevoked, SubjectRevoked, fold_trust, token_events
from eventlog.events import Event, Recorded, Registry
from eventlog.projection import Change, Drop, DropGroup, Patch, Projection, Put, foreign
from services.policy.domain.entities import Entity
from services.policy.domain.roles import (
    Assignment,
    RoleAssigned,
    RoleDefined,
    RoleUnassigned,
    assignment_of,
    policy_events,
)

DAY = 86_400_000_000
MAX_SESSION_DAYS = 30

identity_events = Registry("identity")


@identity_events.event("account.registered")
class AccountRegistered(Event):
    account_id: str


@identity_events.event("account.disabled")
class AccountDisabled(Event):
    account_id: str


@identity_events.event("account.enabled")
class AccountEnabled(Event):
    account_id: str


@identity_events.event("account.erased")
class AccountErased(Event):
    account_id: str


@identity_events.event("account.signed_out")
class AccountSignedOut(Event):
    account_id: str


@identity_events.event("credential.changed")
class CredentialChanged(Event):
    account_id: str
    spared_session_id: str = ""


@identity_events.event("session.started")
class SessionStarted(Event):
    session_id: str
    account_id: str
    seen: int = 0


@identity_events.event("session.ended")
class SessionEnded(Event):
    session_id: str


def fold_roles(event: Event, row: Recorded) -> Iterable[Change]:
    """Policy's own log → rows `role` by name, and `assignment` that belong to their subject."""
    match event:
        case RoleDefined():
            yield Put("role", event.role, {"actions": event.actions, "description": event.description})
        case RoleAssigned():
            subject, assignment = Entity(event.subject_type, event.subject_id), assignment_of(event, row.position)
            value = msgspec.to_builtins(assignment)
            yield Put("assignment", _key(subject, assignment), value, belongs=str(subject))
        case RoleUnassigned():
            subject, assignment = Entity(event.subject_type, event.subject_id), assignment_of(event, row.position)
            yield Drop("assignment", _key(subject, assignment))


def fold_accounts(event: Event, row: Recorded) -> Iterable[Change]:
    """Identity's log → rows `account`, and `session` for as long as one may live; by the day they began."""
    match event:
        case AccountRegistered():
            yield Put("account", event.account_id, {"disabled": False, "ended_before": 0, "spared": ""})
        case AccountDisabled():
            yield Patch("account", event.account_id, {"disabled": True, "ended_before": row.position, "spared": ""})
        case AccountEnabled():
            yield Patch("account", event.account_id, {"disabled": False})
        case AccountSignedOut():
            yield Patch("account", event.account_id, {"ended_before": row.position, "spared": ""})
        case CredentialChanged():
            ended = {"ended_before": row.position, "spared": event.spared_session_id}
            yield Patch("account", event.account_id, ended)
        case AccountErased():
            yield Drop("account", event.account_id)
        case SessionStarted():
            value = {"account_id": event.account_id, "position": row.position, "seen": event.seen, "ended": False}
            yield from _for_a_session(Put("session", event.session_id, value, belongs=_day(row)), row)
        case SessionEnded():
            yield Patch("session", event.session_id, {"ended": True})


def fold_revoked(event: Event, row: Recorded) -> Iterable[Change]:
    """Token's log → rows `session` and `subject`: sessions that were revoked there, for as long as one may live.

    A revocation that names a position of identity's log needs no row: what made it is in identity's log itself.
    """
    match event:
        case SessionRevoked():
            yield from _for_a_session(Put("session", event.session_id, {}, belongs=_day(row)), row)
        case SubjectRevoked(before_session_position=None):
            put = Put("subject", event.subject, {"position": row.position}, belongs=_day(row))
            yield from _for_a_session(put, row)


def _for_a_session(put: Put, row: Recorded) -> Iterable[Change]:
    """Keeps a row for the life of a session: what is older goes as new ones come, so that no clock is needed for it."""
    yield put
    yield DropGroup(put.kind, _day(row, -MAX_SESSION_DAYS - 1))


def _day(row: Recorded, offset: int = 0) -> str:
    return f"day/{row.time // DAY + offset}"


def _key(subject: Entity, assignment: Assignment) -> str:
    resource = assignment.resource
    parts = [assignment.role, subject.type, subject.id, *((resource.type, resource.id) if resource else ())]
    return msgspec.json.encode(parts).decode()


ROLES = Projection("roles", "policy", foreign(policy_events), fold_roles)
ACCOUNTS = Projection("accounts", "identity", foreign(identity_events), fold_accounts)
REVOKED = Projection("revoked", "token", foreign(token_events), fold_revoked)
TRUST = Projection("trust", "token", foreign(token_events), fold_trust)
