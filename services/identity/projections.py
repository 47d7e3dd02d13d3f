"""What identity keeps of the logs: its own sessions, to list them; token's clients, and what people are to be told.

Token's events are declared here with just the fields that are read.
"""

from collections.abc import Iterable, Sequence

import msgspec

from chassis.trust import fold_trust
from chassis.trust import token_events as trusted_events
from eventlog.events import Event, Recorded, Registry, rfc3339
from eventlog.projection import Change, Drop, DropGroup, Projection, Put, foreign
from eventlog.projection.change import Decode, Prepare
from services.identity.domain.events import (
    AccountDisabled,
    AccountSignedOut,
    CredentialChanged,
    SessionEnded,
    SessionStarted,
    events,
)
from services.identity.domain.session import LIFE

token_events = Registry("token")


@token_events.event("refresh.reuse_detected")
class ReuseDetected(Event):
    subject: str
    client_id: str
    family_id: str
    session_id: str | None = None


@token_events.event("client.registered")
class ClientRegistered(Event):
    client_id: str
    name: str = ""
    first_party: bool = False
    direct_login: bool = False
    userinfo_alg: str = ""


@token_events.event("client.updated")
class ClientUpdated(Event):
    client_id: str
    name: str = ""
    first_party: bool = False
    direct_login: bool = False
    userinfo_alg: str = ""


@token_events.event("client.deleted")
class ClientDeleted(Event):
    client_id: str


@token_events.event("grant.given")
class GrantGiven(Event):
    subject: str
    client_id: str
    scopes: list[str]


@token_events.event("grant.revoked")
class GrantRevoked(Event):
    subject: str
    client_id: str


@token_events.event("session.revoked")
class SessionRevoked(Event):
    session_id: str


@token_events.event("subject.revoked")
class SubjectRevoked(Event):
    subject: str
    before_session_position: int | None = None


origin_events = Registry("token")
"""Just the origins: what else changes of a client does not touch them here."""


@origin_events.event("client.registered")
class OriginsRegistered(Event):
    client_id: str
    cors_origins: list[str] = msgspec.field(default_factory=list)


@origin_events.event("client.updated")
class OriginsUpdated(Event):
    client_id: str
    cors_origins: list[str] = msgspec.field(default_factory=list)


@origin_events.event("client.deleted")
class OriginsGone(Event):
    client_id: str


def fold_sessions(event: Event, row: Recorded) -> Iterable[Change]:
    """Identity's own log → rows `session`, which belong to their account, for as long as they go on."""
    match event:
        case SessionStarted():
            value = {
                "position": row.position,
                "started": row.time,
                "seen": event.seen,
                "address": event.address or "",
                "agent": event.agent or "",
                "forget_at_us": row.time + LIFE,
            }
            yield Put("session", event.session_id, value, belongs=event.account_id)
        case SessionEnded():
            yield Drop("session", event.session_id)
        case AccountDisabled() | AccountSignedOut():
            yield DropGroup("session", event.account_id)
        case CredentialChanged():
            yield DropGroup("session", event.account_id, event.spared_session_id or "")


_OF_SESSIONS = events.only(SessionStarted, SessionEnded, AccountDisabled, AccountSignedOut, CredentialChanged)


def fold_told(event: Event, row: Recorded) -> Iterable[Change]:
    """Token's log → rows `notice` and `grant`, which belong to their account, and `client`: its name, and whether it
    may ask for direct login."""
    match event:
        case ReuseDetected():
            value = {
                "code": "refresh_reuse_detected",
                "at": rfc3339(row.time),
                "client_id": event.client_id,
                "session_id": event.session_id,
            }
            yield Put("notice", f"{row.position:019}", value, belongs=event.subject)
        case ClientRegistered() | ClientUpdated():
            client = {
                "direct_login": event.first_party and event.direct_login,
                "name": event.name,
                "signed_userinfo": bool(event.userinfo_alg),
            }
            yield Put("client", event.client_id, client)
        case ClientDeleted():
            yield Drop("client", event.client_id)
        case GrantGiven():
            grant = {"client_id": event.client_id, "scopes": event.scopes, "since": rfc3339(row.time)}
            yield Put("grant", f"{event.subject}/{event.client_id}", grant, belongs=event.subject)
        case GrantRevoked():
            yield Drop("grant", f"{event.subject}/{event.client_id}")


def fold_origins(event: Event, row: Recorded) -> Iterable[Change]:
    """Token's log → rows `client` for chassis.origins, of those that registered origins."""
    match event:
        case OriginsRegistered() | OriginsUpdated() if event.cors_origins:
            yield Put("client", event.client_id, {"origins": event.cors_origins})
        case OriginsRegistered() | OriginsUpdated() | OriginsGone():
            yield Drop("client", event.client_id)


def sessions(decode: Decode, open_keys: Prepare) -> Projection:
    """`decode` opens the sealed parts, which stay in this service's own tables; `open_keys` finds a page's keys first.

    What is not folded is not opened.
    """

    async def read(row: Recorded) -> Event | None:
        return await decode(row) if _OF_SESSIONS.reads(row.type) else None

    async def prepare(rows: Sequence[Recorded]) -> None:
        await open_keys([row for row in rows if row.type == SessionStarted.type])

    return Projection("sessions", "identity", read, fold_sessions, prepare)


TRUST = Projection("trust", "token", foreign(trusted_events), fold_trust)
TOLD = Projection("told", "token", foreign(token_events), fold_told)
ORIGINS = Projection("origins", "token", foreign(origin_events), fold_origins)
