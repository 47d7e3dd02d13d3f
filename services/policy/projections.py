"""What policy keeps of the logs: its own facts, identity's accounts and sessions, token's revocations; and what was.

Others' events are declared here with just the fields that are read.
"""

from collections.abc import Iterable

import msgspec

from chassis.trust import SessionRevoked, SubjectRevoked, fold_trust, token_events
from eventlog.events import Event, Instant, Recorded, Registry
from eventlog.projection import Change, Drop, DropGroup, Patch, Projection, Put, foreign
from services.policy.domain.events import PolicyChanged, PolicyWritten, policy_events
from services.policy.domain.history import heard
from services.policy.domain.pointers import pointers
from services.policy.model import row_key

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
    auth_time: Instant = 0
    acr: str = ""
    amr: tuple[str, ...] = ()


@identity_events.event("session.ended")
class SessionEnded(Event):
    session_id: str


def fold_facts(event: Event, row: Recorded) -> Iterable[Change]:
    """Policy's own log → rows `fact`, and `rules` and `activation`: in one projection, so that what was decided is true
    for one position.
    """
    match event:
        case PolicyWritten():
            value = msgspec.to_builtins(event) | {"position": row.position, "time": row.time}
            yield Put("rules", f"{event.version:09}", value, belongs=row.stream)
        case PolicyChanged():
            value = {"version": event.version, "position": row.position, "time": row.time}
            yield Put("activation", f"{row.position:019}", value, belongs=row.stream)
    about = heard(event)
    if about is not None:
        fact, holds = about
        key = row_key(fact)
        yield Put("fact", key, msgspec.to_builtins(fact), belongs=row.stream) if holds else Drop("fact", key)


def fold_past(event: Event, row: Recorded) -> Iterable[Change]:
    """Policy's own log → rows `was`, one for each time a fact changed, and `pointing`, for all that ever pointed there.

    A fact is so from its row's position and time until those of the next row of the same name.
    """
    about = heard(event)
    if about is not None:
        fact, holds = about
        value = {"position": row.position, "time": row.time, "fact": msgspec.to_builtins(fact) if holds else None}
        yield Put("was", f"{row_key(fact)}\n{row.position:019}", value, belongs=row.stream)
        for target, what in pointers(fact) if holds else ():
            yield Put("pointing", f"{target}\n{what}", {"what": what}, belongs=target)


def fold_past_accounts(event: Event, row: Recorded) -> Iterable[Change]:
    """Identity's log → rows `was`, one for each time that it changed whether an account is there, and may act."""
    match event:
        case AccountRegistered() | AccountEnabled():
            yield _was(event.account_id, row, known=True, disabled=False)
        case AccountDisabled():
            yield _was(event.account_id, row, known=True, disabled=True)
        case AccountErased():
            yield _was(event.account_id, row, known=False, disabled=False)


def _was(account_id: str, row: Recorded, *, known: bool, disabled: bool) -> Put:
    value = {"position": row.position, "time": row.time, "known": known, "disabled": disabled}
    return Put("was", f"{account_id}\n{row.position:019}", value, belongs=f"account/{account_id}")


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
            value |= {"acr": event.acr, "amr": event.amr, "auth_time": event.auth_time}
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


FACTS = Projection("facts", "policy", foreign(policy_events), fold_facts)
PAST = Projection("past", "policy", foreign(policy_events), fold_past)
PAST_ACCOUNTS = Projection("past-accounts", "identity", foreign(identity_events), fold_past_accounts)
ACCOUNTS = Projection("accounts", "identity", foreign(identity_events), fold_accounts)
REVOKED = Projection("revoked", "token", foreign(token_events), fold_revoked)
TRUST = Projection("trust", "token", foreign(token_events), fold_trust)
