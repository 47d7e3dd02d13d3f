"""Registering clients, proving who a client is, and what callers were granted."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable

import msgspec

from eventlog.errors import Kind, Refusal
from eventlog.log import Attempt, By, Fold
from services.token.commands.prove import keep_secret
from services.token.domain.client import CLIENT, FIRST_PARTY_SCOPES, Client
from services.token.domain.errors import InvalidClient
from services.token.domain.events import CallerGranted, CertificateRevoked, ClientRegistered
from services.token.domain.keyring import ALGORITHMS
from services.token.ports import Token
from watchword.folding import MAX_ACCESS_TOKEN_LIFE as MAX_LIFE

GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials")
MAX_NAME = 200
_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_SCOPE = re.compile(r"[!#-\[\]-~]{1,128}")
_AUDIENCE = re.compile(r"[!-~]{1,256}")
_GRANT = re.compile(r"[!-~]{1,128}")
_ORIGIN = re.compile(r"https?://[a-z0-9.:\[\]-]{1,256}")
_BACKEND = "spiffe://watchword/backend/"
# Of the length of a hash, and the hash of nothing.
GRANTABLE = frozenset(
    {"introspect:any", "watchword.log.v1.EventLogService/Read", "watchword.token.v1.TokenService/Revoke"}
)
"""What a certificate may be granted by name, beyond what every backend may (RULES 9, 11)."""
_ABSENT = "-" * 64


class Nothing(msgspec.Struct, frozen=True):
    """The state of a stream that is only written."""


CALLER = Fold("caller", Nothing(), lambda state, event, row: state)
CERTIFICATE = Fold("certificate", Nothing(), lambda state, event, row: state)


class Registered(msgspec.Struct, frozen=True):
    """A new client, with its secret: shown once, kept as its SHA-256."""

    client: Client
    secret: str
    position: int

    def __repr__(self) -> str:
        return f"Registered({self.client.id!r}, {self.position})"


async def register_client(token: Token, wanted: Client, by: By) -> Registered:
    """Registers a client; an empty id gets a random one. Raises Refusal `invalid_client_metadata`, `client_exists`."""
    client = msgspec.structs.replace(wanted, id=wanted.id or f"cli_{secrets.token_urlsafe(9)}")
    _check(client)
    secret = secrets.token_urlsafe(32) if client.confidential else ""
    if client.token_endpoint_auth_method == "client_secret_jwt":
        # What makes a MAC has to be there to make it again.
        event = _registered(msgspec.structs.replace(client, secret_key=await keep_secret(token, secret)), None)
    else:
        event = _registered(client, hashed(secret) if secret else None)

    async def decide(attempt: Attempt) -> None:
        if (await attempt.read(CLIENT, client.id)).known:
            raise Refusal(Kind.CONFLICT, "client_exists", f"there is a client {client.id} already")
        await attempt.write(CLIENT, client.id, event)

    outcome = await token.log.decide(by, decide)
    return Registered(client, secret, outcome.position)


def _registered(client: Client, secret_hash: str | None) -> ClientRegistered:
    named = {"client_id": client.id, "name": client.name or client.id, "secret_hash": secret_hash}
    return msgspec.convert(msgspec.structs.asdict(client) | named, ClientRegistered)


def _check(client: Client) -> None:
    """RULES 8 to 10: what no client may be registered with."""
    wrong = {
        "a client id does not begin with acc_": client.id.startswith("acc_"),
        "client_id has 1 to 64 of A-Z a-z 0-9 _ . -": not _ID.fullmatch(client.id),
        f"a name has at most {MAX_NAME} printable characters": len(client.name) > MAX_NAME
        or not client.name.isprintable(),
        "a grant is 1 to 128 visible ASCII characters": not _all(_GRANT, client.grants),
        "a scope is 1 to 128 of the characters of RFC 6749 3.3": not _all(_SCOPE, client.scopes),
        "an audience is 1 to 256 visible ASCII characters": not _all(_AUDIENCE, client.audiences),
        "an origin is http(s)://host or with :port": not _all(_ORIGIN, client.cors_origins),
        f"grant types are among {', '.join(GRANT_TYPES)}": not set(client.grant_types) <= set(GRANT_TYPES),
        f"algorithms are {', '.join(ALGORITHMS)}": client.access_token_alg not in ALGORITHMS,
        f"an access token lives 1 to {MAX_LIFE} s": not 1 <= client.access_token_life <= MAX_LIFE,
        "the leeway is 0 to 60 s": not 0 <= client.leeway <= 60,
        "reuse ends the family or the account": client.reuse_ends not in ("family", "account"),
        "only a confidential client has client_credentials": not client.confidential
        and "client_credentials" in client.grant_types,
        "only first-party clients log in directly": client.direct_login and not client.first_party,
        "only first-party clients have the suite's own scopes": bool(set(client.scopes) & FIRST_PARTY_SCOPES)
        and not client.first_party,
    }
    for rule, broken in wrong.items():
        if broken:
            raise Refusal(Kind.UNPROCESSABLE, "invalid_client_metadata", rule)


def _all(spelling: re.Pattern[str], texts: Iterable[str]) -> bool:
    return all(spelling.fullmatch(text) for text in texts)


def hashed(secret: str) -> str:
    """Client secrets are random and long, so a plain SHA-256 keeps them."""
    return hashlib.sha256(secret.encode()).hexdigest()


async def authenticate(token: Token, client_id: str, secret: str | None) -> Client:
    """The client that proved who it is (RFC 6749 2.3). A public one has no secret to give. Raises InvalidClient.

    A client of another process may be newer than what this one remembers, so an unknown or failing one is read anew.
    """
    if not _ID.fullmatch(client_id):
        raise InvalidClient
    _, client = await token.log.state(CLIENT, client_id)
    if not _proves(client, secret):
        client = await token.log.fresh(CLIENT, client_id)
        if not _proves(client, secret):
            raise InvalidClient
    return client


def _proves(client: Client, secret: str | None) -> bool:
    same = hmac.compare_digest(hashed(secret or ""), client.secret_hash or _ABSENT)
    if not client.known:
        return False
    return same and secret is not None if client.confidential else secret is None


async def grant_caller(token: Token, uri: str, grants: list[str], by: By) -> int:
    """What a certificate's URI may do beyond what every backend may; replaces what it was granted before."""
    if not uri.startswith(_BACKEND) or not _ID.fullmatch(uri.removeprefix(_BACKEND)):
        raise Refusal(Kind.UNPROCESSABLE, "invalid_uri", "grants are for spiffe://watchword/backend/NAME")
    if not set(grants) <= GRANTABLE:
        raise Refusal(Kind.UNPROCESSABLE, "invalid_grants", f"what can be granted: {', '.join(sorted(GRANTABLE))}")

    async def decide(attempt: Attempt) -> None:
        await attempt.write(CALLER, uri.removeprefix("spiffe://"), CallerGranted(uri=uri, grants=sorted(set(grants))))

    return (await token.log.decide(by, decide)).position


async def revoke_certificate(token: Token, fingerprint: str, reason: str, by: By) -> int:
    """A certificate, by the SHA-256 of its DER in hex, opens nothing any more."""
    if len(fingerprint) != 64 or not set(fingerprint) <= set("0123456789abcdef"):
        raise Refusal(Kind.UNPROCESSABLE, "invalid_fingerprint", "a fingerprint is 64 lowercase hex digits")

    async def decide(attempt: Attempt) -> None:
        await attempt.write(CERTIFICATE, fingerprint, CertificateRevoked(fingerprint=fingerprint, reason=reason))

    return (await token.log.decide(by, decide)).position
