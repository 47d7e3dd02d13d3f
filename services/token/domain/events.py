"""The events of token's log. Sealed fields never leave the service.

Security teams read these words in docs/events. A field is described where its name first stands: one name means one
thing in a whole log.
"""

from typing import Any

import msgspec

from eventlog.events import Event, Instant, Registry, Sealed

events = Registry("token")


class Issue(Event, kw_only=True):
    """What an access token says: the answer to "which tokens were live then". Its base, not an event itself."""

    token_id: str
    """Which access token: its `jti`. The token itself is in no event."""
    client_id: str
    """The application (OAuth client) that it is about or was given to."""
    subject: str
    """Whom the token speaks for: an account's id (`acc_…`), or the client's own for client credentials."""
    audience: list[str]
    """The services that the token is for: its `aud`."""
    scope: str
    """What it was given for: scopes with spaces between, as in RFC 6749 3.3."""
    expires_at: Instant
    """Until when it holds unless it is ended before, RFC 3339 in UTC with six decimals."""
    session_id: str | None = None
    """The session of identity that it hangs from (`ses_…`), which opens nothing."""
    family_id: str | None = None
    """The lineage of refresh tokens that it hangs from (`fam_…`), which opens nothing."""
    jkt: str | None = None
    """The thumbprint of the key that its holder has to prove (RFC 9449, RFC 7638)."""
    x5t: str | None = None
    """The SHA-256 of the certificate that its holder has to show (RFC 8705), base64url."""
    may_act: str | None = None
    """The application that may exchange it for a token of its own (RFC 8693 4.4), besides those that it is for."""


class Described(Event, kw_only=True):
    """What an application is, but for what never changes. Its base, not an event itself."""

    client_id: str
    name: str
    """What people are shown as the application's name."""
    grant_types: list[str]
    """How it may get tokens: `authorization_code`, `refresh_token`, `client_credentials`, and those of RFC 8628, 8693,
    7523.
    """
    scopes: list[str]
    """What it may ask for at most."""
    audiences: list[str]
    """The services that its tokens may be for; empty: the suite's own."""
    access_token_alg: str
    """The algorithm that signs its access tokens, such as ES256."""
    access_token_life: int
    """How long they live, in seconds."""
    leeway: int
    """For how many seconds after its use a refresh token may come again, because the answer was lost."""
    reuse_ends: str
    """What a reused refresh token ends: `family`, or `account` for all that the person has."""
    first_party: bool = False
    """Whether it is the operator's own, so that it may have the suite's own scopes."""
    direct_login: bool = False
    """Whether it may send a person's name and password itself."""
    grants: list[str] = msgspec.field(default_factory=list)
    """What it may do beyond others, such as `introspect:any`."""
    cors_origins: list[str] = msgspec.field(default_factory=list)
    """The web origins whose pages may ask for tokens."""
    redirect_uris: list[str] = msgspec.field(default_factory=list)
    """Where a browser may be sent back to with a code (RFC 6749 3.1.2)."""
    post_logout_redirect_uris: list[str] = msgspec.field(default_factory=list)
    """Where a browser may be sent back to after it has signed out."""
    token_endpoint_auth_method: str = ""
    """How it proves who it is (RFC 7591 2); empty: by its secret, as a header or in the form, or not at all."""
    jwks: dict[str, Any] | None = None
    """Its public keys (RFC 7517)."""
    jwks_uri: str = ""
    """Where they are published."""
    id_token_alg: str = "RS256"
    """The algorithm that signs its ID tokens."""
    userinfo_alg: str = ""
    """The algorithm that signs what userinfo answers it; empty: plain JSON."""
    require_pkce: bool = True
    """Whether each of its authorization requests must show a code challenge (RFC 7636)."""
    ask_consent: bool = True
    """Whether people are asked before it is given what it wants of them."""
    subject_type: str = "public"
    """`pairwise`: it knows people under names of its own (OpenID Connect Core 8)."""
    sector: str = ""
    """The host whose clients share those names."""
    backchannel_logout_uri: str = ""
    """Where it is told, server to server, that a session ended (OpenID Connect Back-Channel Logout)."""
    frontchannel_logout_uri: str = ""
    """Which page of it signs the browser out (OpenID Connect Front-Channel Logout)."""
    frontchannel_logout_session_required: bool = False
    """Whether that page is told which session."""
    default_max_age: int | None = None
    """How long ago, in seconds, a login may be that it is content with."""
    logo_uri: str = ""
    """Its picture."""
    client_uri: str = ""
    """Its home page."""
    policy_uri: str = ""
    """What it does with what it learns of people."""
    tos_uri: str = ""
    """Its terms of service."""
    token_endpoint_auth_signing_alg: str = ""
    """The one algorithm of the assertions by which it proves who it is; empty: any that fits its method."""
    require_pushed_authorization_requests: bool = False
    """Whether its authorization requests have to be pushed beforehand (RFC 9126)."""
    dpop_bound_access_tokens: bool = False
    """Whether it is given only tokens that are bound to a key of its own (RFC 9449)."""
    tls_client_certificate_bound_access_tokens: bool = False
    """Whether its tokens are bound to the certificate that it shows (RFC 8705 3)."""
    tls_client_auth_subject_dn: str = ""
    """The subject of the certificate by which it proves who it is (RFC 8705 2.1.2), as RFC 4514 writes it."""
    tls_client_auth_san_dns: str = ""
    """Or a DNS name of that certificate."""
    tls_client_auth_san_uri: str = ""
    """Or a URI of it."""
    tls_client_auth_san_ip: str = ""
    """Or an address of it."""
    tls_client_auth_san_email: str = ""
    """Or a mail address of it."""
    request_uris: list[str] = msgspec.field(default_factory=list)
    """Where its authorization requests may be fetched from (RFC 9101)."""
    request_object_alg: str = ""
    """The algorithm that its authorization requests are signed with; empty: any, or unsigned from `request_uris`."""
    may_act: str = ""
    """The application that may exchange its tokens (RFC 8693 4.4)."""


@events.event("client.registered")
class ClientRegistered(Described, kw_only=True):
    """An application was registered. The hash of its secret stays sealed."""

    confidential: bool
    """Whether it has a secret to keep (RFC 6749 2.1)."""
    self_registered: bool = False
    """Whether it came by dynamic registration (RFC 7591): it is never the operator's own, and always asks people."""
    secret_key: str = ""
    """The name under which its secret lies encrypted, where it proves it by `client_secret_jwt`; never the secret."""
    secret_hash: Sealed[str] = None
    registration_hash: Sealed[str] = None


@events.event("client.updated")
class ClientUpdated(Described, kw_only=True):
    """All that can change of an application is now as it says here."""


@events.event("client.secret_rotated")
class ClientSecretRotated(Event):
    """An application was given a new secret. The hashes stay sealed."""

    client_id: str
    old_secret_until: Instant | None = None
    """Until when the secret before it is good as well. Absent: it is good no more."""
    secret_key: str = ""
    secret_hash: Sealed[str] = None


@events.event("client.deleted")
class ClientDeleted(Event):
    """An application is gone, and its id is never given again. The same command revokes all that it held."""

    client_id: str


@events.event("client.revoked")
class ClientRevoked(Event):
    """Everything that an application held is ended; what it is given afterwards is good."""

    client_id: str
    reason: str
    """Why: a word such as `session_ended`, or what the administrator wrote, in their own words."""


@events.event("token.issued")
class TokenIssued(Issue):
    """An access token was made, at a login or for client credentials; these have no session and no family."""


@events.event("token.exchanged")
class TokenExchanged(Issue, kw_only=True):
    """A service that was sent an access token got one with which it acts for the subject elsewhere (RFC 8693).

    It hangs from the same family and session, and ends with each token that it came from.
    """

    actors: list[str]
    """Through whom it came: the application that acts with it now, then those that did before."""
    prior_tokens: list[str]
    """The access tokens that it came from: the one that was exchanged, then those which that one came from."""
    prior_clients: list[str]
    """The applications that those were given to, in the same order."""
    prior_keys: list[str] = msgspec.field(default_factory=list)
    """The keys that those were signed with, in the same order."""


@events.event("token.revoked")
class TokenRevoked(Event):
    """One access token is ended, nothing else."""

    token_id: str
    subject: str
    client_id: str
    reason: str


@events.event("code.issued")
class CodeIssued(Event):
    """A person let an application have a code, with which it gets tokens once, within a minute (RFC 6749 4.1).

    Or they entered the code of a device and said yes, which has the tokens then as it asks again (RFC 8628).
    """

    code_id: str
    """Which code. The code itself is in no event, and nothing from which it could be made."""
    client_id: str
    subject: str
    session_id: str
    session_position: int
    """The position in identity's log at which its session started."""
    seen: int
    """How far identity had read token's log when the session started."""
    scope: str
    audience: list[str]
    redirect_uri: str
    """Where the browser took the code; empty for a device."""
    auth_time: Instant
    """When the person logged in, RFC 3339 in UTC with six decimals."""
    acr: str
    """How sure the login makes it who somebody is (OpenID Connect `acr`), such as `urn:watchword:acr:password`."""
    amr: list[str]
    """By what they proved it (RFC 8176), such as `pwd`."""
    refresh_key: str
    """The name of the key that derives the code, or the refresh token; never the key."""
    expires_at: Instant
    code_challenge: str | None = None
    """What only whoever asked for the code can answer (RFC 7636)."""
    nonce: str | None = None
    """What the ID token repeats, so that the application knows it for its own."""
    jkt: str | None = None
    userinfo_claims: list[str] = msgspec.field(default_factory=list)
    """What it asked to learn of the person besides, by the names of OpenID Connect."""


@events.event("code.denied")
class CodeDenied(Event):
    """A person entered the code of a device and said no: perhaps somebody else had sent it to them (RFC 8628 5.4)."""

    code_id: str
    client_id: str
    subject: str
    session_id: str


@events.event("code.redeemed")
class CodeRedeemed(Event):
    """An application got its tokens for a code."""

    code_id: str
    client_id: str
    family_id: str


@events.event("code.reuse_detected")
class CodeReused(Event):
    """A code came a second time: it was stolen, or a thief came first. What it gave is ended in the same command."""

    code_id: str
    client_id: str
    subject: str
    family_id: str
    presented_by: str
    """The application that presented it; where it is not `client_id`, the token reached another application."""


@events.event("grant.given")
class GrantGiven(Event):
    """A person let an application have something of theirs, until they or an administrator take it back."""

    subject: str
    client_id: str
    scopes: list[str]
    """All that it may have from now on."""


@events.event("grant.revoked")
class GrantRevoked(Event):
    """An application may have nothing of a person's any more, unless they are asked anew."""

    subject: str
    client_id: str
    reason: str


@events.event("family.started")
class FamilyStarted(Event):
    """A lineage of refresh tokens began: one per login and application, of which each token is used once."""

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
    audience: list[str] = msgspec.field(default_factory=list)
    offline: bool = False
    """Whether it outlives the session: it hangs from what the person granted (`offline_access`)."""
    userinfo_claims: list[str] = msgspec.field(default_factory=list)
    code_id: str | None = None
    """The code that it was given for; absent after a direct login."""
    jkt: str | None = None
    x5t: str | None = None


@events.event("refresh.rotated")
class RefreshRotated(Issue, kw_only=True):
    """A refresh token was used, for the first time: its holder got the next one and a fresh access token."""

    generation: int
    """Which refresh token of its family this is, counted from 1."""
    refresh_key: str


@events.event("refresh.retried")
class RefreshRetried(Issue, kw_only=True):
    """A refresh token came again within the leeway, as after a lost answer: the same successor, a fresh access token.

    A thief who is as quick looks the same, so many of these for one person deserve a look.
    """

    generation: int


@events.event("refresh.used")
class RefreshUsed(Issue, kw_only=True):
    """A refresh token whose holder proved the key or certificate that its family is bound to gave a fresh access token.

    It does not change: whoever else gets hold of it can do nothing with it.
    """

    generation: int


@events.event("refresh.reuse_detected")
class ReuseDetected(Event):
    """A genuine refresh token was used when it could be no more: it was stolen, or a thief came first. Raise an alarm.

    The same command ends the family, or all that the account has, in its next event.
    """

    family_id: str
    subject: str
    client_id: str
    session_id: str
    presented_generation: int
    """Which refresh token of the family was presented, counted from 1."""
    presented_by: str


@events.event("family.revoked")
class FamilyRevoked(Event):
    """A lineage of refresh tokens is ended with all its access tokens."""

    family_id: str
    subject: str
    client_id: str
    reason: str


@events.event("session.revoked")
class SessionRevoked(Event):
    """All that hangs from a session is ended: its families and access tokens."""

    session_id: str
    reason: str


@events.event("logout.begun")
class LogoutBegun(Event):
    """A session has ended, and applications that took part in it are to be told (OpenID Connect Back-Channel
    Logout).
    """

    session_id: str
    subject: str
    client_ids: list[str]
    """The applications that are to be told."""


@events.event("logout.told")
class LogoutTold(Event):
    """An application has answered that it has taken notice of a session's end."""

    session_id: str
    client_id: str


@events.event("logout.given_up")
class LogoutGivenUp(Event):
    """An application could not be told for a day that a session ended. Somebody may be signed in there still."""

    session_id: str
    client_id: str
    reason: str


@events.event("subject.revoked")
class SubjectRevoked(Event):
    """All that an account (or a client by itself) has is ended, up to now or up to a position of identity's log."""

    subject: str
    reason: str
    before_session_position: int | None = None
    """Ends the sessions that started below this position of identity's log. Absent: all tokens until now."""
    spared_session_id: str | None = None
    """The one session that goes on, such as the one in which the password was changed. Absent: none does."""


@events.event("key.published")
class KeyPublished(Event):
    """A new key is known, ahead of its use. A private or secret key is in no event."""

    key_id: str
    """Which key: its `kid`."""
    purpose: str
    """What the key is for: `signing` access tokens, or `refresh` tokens."""
    alg: str
    """The key's algorithm, such as ES256."""
    public_key: dict[str, Any] | None = None
    """The public half as a JWK (RFC 7517). Absent for keys that have none."""


@events.event("key.activated")
class KeyActivated(Event):
    """From now on the key signs, or derives refresh tokens."""

    key_id: str


@events.event("key.retired")
class KeyRetired(Event):
    """From now on the key verifies only."""

    key_id: str


@events.event("key.removed")
class KeyRemoved(Event):
    """The key is gone: nothing that it made can be valid any more."""

    key_id: str


@events.event("key.compromised")
class KeyCompromised(Event):
    """The operator declared the key leaked: what it made is refused from now on. Raise an alarm."""

    key_id: str
    purpose: str


@events.event("caller.granted")
class CallerGranted(Event):
    """What a backend's certificate may do beyond what every backend may; it replaces what was granted before."""

    uri: str
    """The certificate's name: `spiffe://watchword/backend/NAME`."""
    grants: list[str]


@events.event("certificate.revoked")
class CertificateRevoked(Event):
    """A certificate is shut out, from its next call on."""

    fingerprint: str
    """The SHA-256 of the certificate in DER, 64 hex digits."""
    reason: str
