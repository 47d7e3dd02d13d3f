"""token's projections: trust (its own revocations and grants), live families by key, registered clients."""

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
    events,
)
from services.token.domain.family import LIFE

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
    holds that in memory is told.
    """
    match event:
        case ClientRegistered() | ClientUpdated():
            yield Put("client", event.client_id, {"origins": list(event.cors_origins), "at": row.position})
        case ClientSecretRotated():
            yield Patch("client", event.client_id, {"at": row.position})
        case ClientDeleted():
            yield Drop("client", event.client_id)


def fold_families(event: Event, row: Recorded) -> Iterable[Change]:
    """A row `family` for each that may be live, belonging to the refresh key of its current generation."""
    match event:
        case FamilyStarted() | RefreshRotated():
            # By the day, so that the refreshes of a day leave the row as it is, and nothing is written for them.
            gone = {"forget_at_us": (row.time + LIFE) // DAY * DAY + DAY}
            yield Put("family", event.family_id, gone, belongs=event.refresh_key)
        case FamilyRevoked():
            yield Drop("family", event.family_id)


_OF_CLIENTS = events.only(ClientRegistered, ClientUpdated, ClientSecretRotated, ClientDeleted)

TRUST = Projection("trust", "token", foreign(token_events), fold_trust)
CLIENTS = Projection("clients", "token", foreign(_OF_CLIENTS), fold_clients)
FAMILIES = Projection("families", "token", foreign(family_events), fold_families)
