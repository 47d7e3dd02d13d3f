"""The events of token's log."""

from typing import Any

import msgspec

from eventlog.events import Event, Instant, Registry, Sealed

events = Registry("token")


class Issue(Event, kw_only=True):
    """What an access token says: the answer to "which tokens were live then". Its base, not an event itself."""

    token_id: str
    client_id: str
    subject: str
    audience: list[str]
    scope: str
    expires_at: Instant
    session_id: str | None = None
    family_id: str | None = None


@events.event("client.registered")
class ClientRegistered(Event):
    client_id: str
    name: str
    confidential: bool
    grant_types: list[str]
    scopes: list[str]
    audiences: list[str]
    access_token_alg: str
    access_token_life: int
    leeway: int
    reuse_ends: str
    first_party: bool = False
    direct_login: bool = False
    grants: list[str] = msgspec.field(default_factory=list)
    cors_origins: list[str] = msgspec.field(default_factory=list)
    secret_hash: Sealed[str] = None


@events.event("client.revoked")
class ClientRevoked(Event):
    client_id: str
    reason: str


@events.event("token.issued")
class TokenIssued(Issue):
    pass


@events.event("token.revoked")
class TokenRevoked(Event):
    token_id: str
    subject: str
    client_id: str
    reason: str


@events.event("family.started")
class FamilyStarted(Event):
    family_id: str
    client_id: str
    subject: str
    session_id: str
    session_position: int
    seen: int
    scope: str
    refresh_key: str
    auth_time: Instant
    acr: str
    amr: list[str]
    expires_at: Instant


@events.event("refresh.rotated")
class RefreshRotated(Issue, kw_only=True):
    generation: int
    refresh_key: str


@events.event("refresh.retried")
class RefreshRetried(Issue, kw_only=True):
    generation: int


@events.event("refresh.reuse_detected")
class ReuseDetected(Event):
    family_id: str
    subject: str
    client_id: str
    session_id: str
    presented_generation: int
    presented_by: str


@events.event("family.revoked")
class FamilyRevoked(Event):
    family_id: str
    subject: str
    client_id: str
    reason: str


@events.event("session.revoked")
class SessionRevoked(Event):
    session_id: str
    reason: str


@events.event("subject.revoked")
class SubjectRevoked(Event):
    subject: str
    reason: str
    before_session_position: int | None = None
    spared_session_id: str | None = None


@events.event("key.published")
class KeyPublished(Event):
    key_id: str
    purpose: str
    alg: str
    public_key: dict[str, Any] | None = None


@events.event("key.activated")
class KeyActivated(Event):
    key_id: str


@events.event("key.retired")
class KeyRetired(Event):
    """From now on the key verifies only."""

    key_id: str


@events.event("key.removed")
class KeyRemoved(Event):
    key_id: str


@events.event("key.compromised")
class KeyCompromised(Event):
    key_id: str
    purpose: str


@events.event("caller.granted")
class CallerGranted(Event):
    uri: str
    grants: list[str]


@events.event("certificate.revoked")
class CertificateRevoked(Event):
    fingerprint: str
    reason: str
