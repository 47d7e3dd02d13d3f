"""Clients: what may ask for which tokens."""

from typing import Any

import msgspec

from eventlog.events import Event, Recorded
from eventlog.log import Fold
from services.token.domain.errors import InvalidScope, InvalidTarget, UnauthorizedClient
from services.token.domain.events import (
    ClientDeleted,
    ClientRegistered,
    ClientRevoked,
    ClientSecretRotated,
    ClientUpdated,
    ClientUsed,
)

FIRST_PARTY_SCOPES = frozenset({"watchword:account", "watchword:admin"})
OPENID_SCOPES = ("openid", "profile", "email", "address", "phone", "offline_access")
"""OpenID Connect Core 5.4 and 11."""
SUBJECT_TYPES = ("public", "pairwise")
PROOF = (
    "deleted",
    "confidential",
    "secret_hash",
    "old_secret_hash",
    "old_secret_until",
    "secret_key",
    "old_secret_key",
    "token_endpoint_auth_method",
    "jwks",
    "jwks_uri",
    "token_endpoint_auth_signing_alg",
    "tls_client_auth_subject_dn",
    "tls_client_auth_san_dns",
    "tls_client_auth_san_uri",
    "tls_client_auth_san_ip",
    "tls_client_auth_san_email",
)
"""The fields that say by what a client proves itself."""


class Client(msgspec.Struct, frozen=True):
    """A registered client. `access_token_life` and `leeway` in seconds.

    `revoked_at` is a position: what it had below it is ended. Until `old_secret_until` the secret before the last one
    is good as well; by `unused_until` it has to be given its first token (0: it may wait). Those and `registered_at`
    are times in µs. Of one that was deleted nothing is left but that.
    """

    id: str = ""
    name: str = ""
    confidential: bool = True
    secret_hash: str | None = None
    grant_types: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    access_token_alg: str = "ES256"
    access_token_life: int = 720
    leeway: int = 10
    reuse_ends: str = "family"
    first_party: bool = False
    direct_login: bool = False
    grants: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    redirect_uris: tuple[str, ...] = ()
    post_logout_redirect_uris: tuple[str, ...] = ()
    token_endpoint_auth_method: str = ""
    jwks: dict[str, Any] | None = None
    jwks_uri: str = ""
    id_token_alg: str = "RS256"
    userinfo_alg: str = ""
    require_pkce: bool = True
    ask_consent: bool = True
    subject_type: str = "public"
    sector: str = ""
    backchannel_logout_uri: str = ""
    frontchannel_logout_uri: str = ""
    frontchannel_logout_session_required: bool = False
    default_max_age: int | None = None
    logo_uri: str = ""
    client_uri: str = ""
    policy_uri: str = ""
    tos_uri: str = ""
    token_endpoint_auth_signing_alg: str = ""
    require_pushed_authorization_requests: bool = False
    dpop_bound_access_tokens: bool = False
    tls_client_certificate_bound_access_tokens: bool = False
    tls_client_auth_subject_dn: str = ""
    tls_client_auth_san_dns: str = ""
    tls_client_auth_san_uri: str = ""
    tls_client_auth_san_ip: str = ""
    tls_client_auth_san_email: str = ""
    secret_key: str = ""
    request_uris: tuple[str, ...] = ()
    request_object_alg: str = ""
    self_registered: bool = False
    registration_hash: str | None = None
    registered_at: int = 0
    old_secret_hash: str | None = None
    old_secret_key: str = ""
    old_secret_until: int = 0
    unused_until: int = 0
    deleted: bool = False
    may_act: str = ""
    visible_roles: tuple[str, ...] = ()
    visible_groups: tuple[str, ...] = ()
    default_acr_values: tuple[str, ...] = ()
    require_auth_time: bool = False
    initiate_login_uri: str = ""
    software_id: str = ""
    software_version: str = ""
    contacts: tuple[str, ...] = ()
    revoked_at: int = 0

    @property
    def known(self) -> bool:
        return bool(self.id) and not self.deleted

    def proves_itself_as(self, other: "Client") -> bool:
        """Whether what opens the one opens the other: neither secrets, nor keys, nor the way to show them differ."""
        return self is other or all(getattr(self, name) == getattr(other, name) for name in PROOF)

    def lapsed(self, now: int) -> bool:
        """Whether it was to be given a token by now, and was not."""
        return 0 < self.unused_until <= now

    @property
    def constrained(self) -> bool:
        """Whether it is given only tokens that are of no use to others."""
        return self.dpop_bound_access_tokens or self.tls_client_certificate_bound_access_tokens

    @property
    def pairwise(self) -> bool:
        """Whether it knows people by names that its sector alone has (OpenID Connect Core 8.1)."""
        return self.subject_type == "pairwise"

    @property
    def held_to_fapi(self) -> bool:
        """Pushed requests and bound tokens: the FAPI 2.0 Security Profile is what it is held to."""
        return self.require_pushed_authorization_requests and self.constrained

    @property
    def auth_methods(self) -> tuple[str, ...]:
        """How it may prove who it is (RFC 7591 2)."""
        if self.token_endpoint_auth_method:
            return (self.token_endpoint_auth_method,)
        return ("client_secret_basic", "client_secret_post") if self.confidential else ("none",)

    def may(self, grant_type: str) -> None:
        """Raises UnauthorizedClient where the client is not registered for the grant type."""
        if grant_type not in self.grant_types:
            raise UnauthorizedClient(f"the client is not registered for {grant_type}")

    @property
    def authorizable(self) -> tuple[str, ...]:
        """What it may ask a person for. One that is registered without scopes may sign people in."""
        allowed = self.scopes or OPENID_SCOPES
        return tuple(name for name in allowed if name != "offline_access" or "refresh_token" in self.grant_types)

    def scope(self, asked: str | None, of: str | None = None) -> str:
        """The scope to give: what was asked for, all of it where nothing was. Never more than `of` and the
        registration allow.

        RFC 6749 3.3 and 6: a refresh may narrow, never widen.
        """
        allowed = [name for name in self.scopes if of is None or name in of.split()]
        if asked is None:
            return " ".join(allowed)
        wanted = asked.split()
        if not set(wanted) <= set(allowed):
            raise InvalidScope("the client may not have this scope here")
        return " ".join(name for name in allowed if name in wanted)

    def audience(self, resources: list[str], issuer: str) -> list[str]:
        """RFC 8707 2: what was asked for among the client's audiences, else its default, else the suite's own."""
        own = list(self.audiences) or [issuer]
        if not resources:
            return own[:1]
        if not set(resources) <= set(own):
            raise InvalidTarget
        return list(dict.fromkeys(resources))


def evolve_client(client: Client, event: Event, row: Recorded) -> Client:
    match event:
        case ClientRegistered():
            return msgspec.structs.replace(_said(Client(), event), registered_at=row.time)
        case ClientUpdated():
            return _said(client, event)
        case ClientUsed():
            return msgspec.structs.replace(client, unused_until=0)
        case ClientSecretRotated():
            return msgspec.structs.replace(
                client,
                secret_hash=event.secret_hash,
                secret_key=event.secret_key,
                old_secret_hash=client.secret_hash if event.old_secret_until else None,
                old_secret_key=client.secret_key if event.old_secret_until else "",
                old_secret_until=event.old_secret_until or 0,
            )
        case ClientRevoked():
            return msgspec.structs.replace(client, revoked_at=row.position)
        case ClientDeleted():
            return Client(id=client.id, deleted=True, revoked_at=client.revoked_at)
    return client


def _said(client: Client, event: ClientRegistered | ClientUpdated) -> Client:
    """A client is what its events say, under the same names; of what they do not speak it stays as it is."""
    said = msgspec.structs.asdict(event)
    return msgspec.convert(msgspec.structs.asdict(client) | said | {"id": event.client_id}, Client)


CLIENT = Fold("client", Client(), evolve_client)
