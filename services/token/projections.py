"""token's projections: trust (its own revocations and grants), live families by key, registered clients, and who has
part in what: clients in sessions, families in grants, and which clients are still to be told of a session's end.
"""

from collections.abc import Iterable

from chassis.trust import fold_trust, token_events
from eventlog.events import Event, Recorded, Registry
from eventlog.projection import Change, Drop, Patch, Projection, Put, foreign
from services.token.domain import DAY
from services.token.domain.events import (
    ClientDeleted,
    ClientRegistered,
    ClientSecretRotated,
    ClientUpdated,
    ClientUsed,
    CodeIssued,
    LogoutBegun,
    LogoutGivenUp,
    LogoutTold,
    events,
)
from services.token.domain.events import FamilyRevoked as FamilyEnded
from services.token.domain.events import FamilyStarted as FamilyBegun
from services.token.domain.family import LIFE
from services.token.domain.grant import grant_key
from services.token.domain.logout import PATIENCE

identity_events = Registry("identity")


@identity_events.event("session.ended")
class SessionEnded(Event):
    session_id: str


@identity_events.event("account.disabled")
class AccountDisabled(Event):
    account_id: str


@identity_events.event("credential.changed")
class CredentialChanged(Event):
    account_id: str
    spared_session_id: str | None = None


@identity_events.event("account.signed_out")
class AccountSignedOut(Event):
    account_id: str


family_events = Registry("token")
"""Every token that is issued is read here, so no more of it is than what is kept."""


@family_events.event("family.started")
class FamilyStarted(Event):
    family_id: str
    refresh_key: str


@family_events.event("refresh.rotated")
class RefreshRotated(Event):
    family_id: str
    refresh_key: str


@family_events.event("family.revoked")
class FamilyRevoked(Event):
    family_id: str


def fold_clients(event: Event, row: Recorded) -> Iterable[Change]:
    """A row `client` for each client that there is. What else changes of one changes its row, too, so that whoever
    holds that in memory is told. A row `unused` for each that has to be given its first token by then.
    """
    match event:
        case ClientRegistered() | ClientUpdated():
            yield Put("client", event.client_id, {"origins": list(event.cors_origins), "at": row.position})
        case ClientSecretRotated() | ClientUsed():
            yield Patch("client", event.client_id, {"at": row.position})
        case ClientDeleted():
            yield Drop("client", event.client_id)
    match event:
        case ClientRegistered() if event.unused_until:
            yield Put("unused", event.client_id, {"forget_at_us": event.unused_until})
        case ClientUsed() | ClientDeleted():
            yield Drop("unused", event.client_id)


def fold_families(event: Event, row: Recorded) -> Iterable[Change]:
    """A row `family` for each that may be live, belonging to the refresh key of its current generation."""
    match event:
        case FamilyStarted() | RefreshRotated():
            # By the day, so that the refreshes of a day leave the row as it is, and nothing is written for them.
            gone = {"forget_at_us": (row.time + LIFE) // DAY * DAY + DAY}
            yield Put("family", event.family_id, gone, belongs=event.refresh_key)
        case FamilyRevoked():
            yield Drop("family", event.family_id)


def fold_parts(event: Event, row: Recorded) -> Iterable[Change]:
    """Rows `participant` (client in a session), `session`, `granted` (family of a grant), `owed` (a client that is to
    be told of a session's end) and `owing` (that there may be such for a client).
    """
    match event:
        case CodeIssued() | FamilyBegun(code_id=None):
            yield from _takes_part(event, _gone(row.time + LIFE))
        case FamilyBegun():
            key = grant_key(event.subject, event.client_id)
            yield Put("granted", event.family_id, _gone(event.expires_at), belongs=key)
        case FamilyEnded():
            yield Drop("granted", event.family_id)
        case LogoutBegun():
            gone = _gone(row.time + PATIENCE)
            for client_id in event.client_ids:
                yield Put("owing", client_id, gone, belongs="all")
                key = part_key(event.session_id, client_id)
                yield Put("owed", key, gone | {"session_id": event.session_id}, belongs=client_id)
        case LogoutTold() | LogoutGivenUp():
            yield Drop("owed", part_key(event.session_id, event.client_id))


def _takes_part(event: CodeIssued | FamilyBegun, gone: dict[str, int]) -> Iterable[Change]:
    # Nobody is in a session for longer than a family may live.
    session = {"subject": event.subject, "position": event.session_position, "seen": event.seen} | gone
    yield Put("session", event.session_id, session, belongs=event.subject)
    participant = {"client_id": event.client_id} | gone
    yield Put("participant", part_key(event.session_id, event.client_id), participant, belongs=event.session_id)


def _gone(time: int) -> dict[str, int]:
    return {"forget_at_us": time // DAY * DAY + DAY}


def part_key(session_id: str, client_id: str) -> str:
    """A client's part in a session. Session ids hold no slash."""
    return f"{session_id}/{client_id}"


_OF_CLIENTS = events.only(ClientRegistered, ClientUpdated, ClientUsed, ClientSecretRotated, ClientDeleted)
_OF_PARTS = events.only(CodeIssued, FamilyBegun, FamilyEnded, LogoutBegun, LogoutTold, LogoutGivenUp)
TRUST = Projection("trust", "token", foreign(token_events), fold_trust)
CLIENTS = Projection("clients", "token", foreign(_OF_CLIENTS), fold_clients)
FAMILIES = Projection("families", "token", foreign(family_events), fold_families)
PARTS = Projection("parts", "token", foreign(_OF_PARTS), fold_parts)
