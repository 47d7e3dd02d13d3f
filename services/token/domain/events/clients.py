"""Applications, and what callers over gRPC may do."""

from typing import Any

import msgspec

from eventlog.events import Event, Instant, Sealed
from services.token.domain.events.registry import events


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
    """The web origins whose pages may ask for tokens, and read userinfo."""
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
    visible_roles: list[str] = msgspec.field(default_factory=list)
    """The roles that its tokens tell it of: `a.b`, all of `a.*`, or `*`."""
    visible_groups: list[str] = msgspec.field(default_factory=list)
    """The groups that its tokens tell it of."""
    default_acr_values: list[str] = msgspec.field(default_factory=list)
    """How it would have people sign in, where it can be had (OpenID Connect Dynamic Client Registration 2)."""
    require_auth_time: bool = False
    """Whether its ID tokens must say when the person signed in. All do."""
    initiate_login_uri: str = ""
    """Where others may send a person so that it starts their sign-in (OpenID Connect Core 4)."""
    software_id: str = ""
    """The software of which it is an installation (RFC 7591 2), by its maker's word."""
    software_version: str = ""
    """Of which version that is."""
    contacts: Sealed[list[str]] = msgspec.field(default_factory=list)


@events.event("client.registered")
class ClientRegistered(Described, kw_only=True):
    """An application was registered. The hash of its secret stays sealed."""

    confidential: bool
    """Whether it has a secret to keep (RFC 6749 2.1)."""
    self_registered: bool = False
    """Whether it came by dynamic registration (RFC 7591): it is never the operator's own, and always asks people."""
    unused_until: Instant = 0
    """By when it has to be given its first token, or it ends. Absent: it may wait for ever."""
    secret_key: str = ""
    """The name under which its secret lies encrypted, where it proves it by `client_secret_jwt`; never the secret."""
    secret_hash: Sealed[str] = None
    registration_hash: Sealed[str] = None


@events.event("client.updated")
class ClientUpdated(Described, kw_only=True):
    """All that can change of an application is now as it says here."""


@events.event("client.used")
class ClientUsed(Event):
    """An application that had registered itself was given its first token: it does not end by itself any more."""

    client_id: str


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
