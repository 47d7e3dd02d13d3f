"""Registering clients, proving who a client is, and what callers were granted."""

import hashlib
import hmac
import re
import secrets

import msgspec

from eventlog.errors import Kind, Refusal
from eventlog.log import Attempt, By, Fold
from services.token.commands.prove import keep_secret
from services.token.domain.client import CLIENT, Client
from services.token.domain.errors import InvalidClient, InvalidClientMetadata
from services.token.domain.events import CallerGranted, CertificateRevoked, ClientRegistered
from services.token.domain.registration import BY_MAC, ID, check, completed, needs_secret
from services.token.ports import Token

_SECRET = re.compile(r"[ -~]{32,256}")
_BACKEND = "spiffe://watchword/backend/"
GRANTABLE = frozenset(
    {"introspect:any", "watchword.log.v1.EventLogService/Read", "watchword.token.v1.TokenService/Revoke"}
)
"""What a certificate may be granted by name, beyond what every backend may (RULES 9, 11)."""
# Of the length of a hash, and the hash of nothing.
_ABSENT = "-" * 64


class Nothing(msgspec.Struct, frozen=True):
    """The state of a stream that is only written."""


CALLER = Fold("caller", Nothing(), lambda state, event, row: state)
CERTIFICATE = Fold("certificate", Nothing(), lambda state, event, row: state)


class Registered(msgspec.Struct, frozen=True):
    """A client, with its secret where one was made: shown once."""

    client: Client
    secret: str
    position: int

    def __repr__(self) -> str:
        return f"Registered({self.client.id!r}, {self.position})"


class ProofMoved(InvalidClient):
    """By what the client proves itself has changed since it did: it has to do so anew."""


async def register_client(
    token: Token, wanted: Client, by: By, secret: str | None = None, registration_token: str | None = None
) -> Registered:
    """Registers a client; an empty id gets a random one. A `secret` may be brought from elsewhere; else one is made.

    Whoever has the `registration_token` may read, change and delete it (RFC 7592).
    Raises Refusal `invalid_client_metadata`, `invalid_redirect_uri`, `client_exists`.
    """
    client = completed(msgspec.structs.replace(wanted, id=wanted.id or f"cli_{secrets.token_urlsafe(9)}"))
    check(client)
    given = _brought(client, secret) if secret else made_secret(client)
    client = msgspec.structs.replace(
        client,
        name=client.name or client.id,
        registration_hash=hashed(registration_token) if registration_token else None,
        **await secured(token, client, given),
    )
    said = msgspec.structs.asdict(client) | {"client_id": client.id}
    event = msgspec.convert(said, ClientRegistered)

    async def decide(attempt: Attempt) -> None:
        # An id that was once given is never given again.
        if await attempt.exists(CLIENT, client.id):
            raise Refusal(Kind.CONFLICT, "client_exists", f"there is or was a client {client.id} already")
        await attempt.write(CLIENT, client.id, event)

    outcome = await token.log.decide(by, decide)
    known = msgspec.structs.replace(client, registered_at=outcome.time)
    return Registered(known, "" if secret else given, outcome.position)


def made_secret(client: Client) -> str:
    """A new secret; an empty text for a client that has none."""
    return secrets.token_urlsafe(32) if needs_secret(client) else ""


async def secured(token: Token, client: Client, secret: str) -> dict[str, str]:
    """How a secret is kept: as its hash; encrypted where a MAC is made with it, which has to be made again."""
    if not secret:
        return {}
    if client.token_endpoint_auth_method == BY_MAC:
        return {"secret_key": await keep_secret(token, secret)}
    return {"secret_hash": hashed(secret)}


def _brought(client: Client, secret: str) -> str:
    """A plain hash keeps only what nobody can guess. RFC 6749 A.2: of what a secret is written with."""
    if not needs_secret(client):
        raise InvalidClientMetadata("this client proves itself by no secret")
    if not _SECRET.fullmatch(secret):
        raise InvalidClientMetadata("a secret has 32 to 256 printable ASCII characters")
    return secret


def hashed(secret: str) -> str:
    """Client secrets are random and long, so a plain SHA-256 keeps them."""
    return hashlib.sha256(secret.encode()).hexdigest()


async def authenticate(token: Token, client_id: str, secret: str | None) -> Client:
    """The client that proved who it is (RFC 6749 2.3). A public one has no secret to give. Raises InvalidClient.

    A client of another process may be newer than what this one remembers, so an unknown or failing one is read anew;
    what is decided for a client that proved itself to an older state is refused by `proven`.
    """
    if not ID.fullmatch(client_id):
        raise InvalidClient
    _, client = await token.log.state(CLIENT, client_id)
    if not proves(client, secret, token.log.now()):
        client = await token.log.fresh(CLIENT, client_id)
        if not proves(client, secret, token.log.now()):
            raise InvalidClient
    return client


def proves(client: Client, secret: str | None, now: int) -> bool:
    """Whether that is its secret, or the one before it for as long as that is good. Hashed once, compared in constant
    time.
    """
    presented = hashed(secret or "")
    same = hmac.compare_digest(presented, client.secret_hash or _ABSENT)
    if not same and client.secret_hash is not None and now < client.old_secret_until:
        same = hmac.compare_digest(presented, client.old_secret_hash or _ABSENT)
    if not client.known:
        return False
    return same and secret is not None if client.confidential else secret is None


async def proven(attempt: Attempt, client: Client) -> Client:
    """The client as it stands where the decision does. Raises ProofMoved where it proved itself to another state."""
    own = await attempt.read(CLIENT, client.id)
    if not own.proves_itself_as(client):
        raise ProofMoved
    return own


async def grant_caller(token: Token, uri: str, grants: list[str], by: By) -> int:
    """What a certificate's URI may do beyond what every backend may; replaces what it was granted before."""
    if not uri.startswith(_BACKEND) or not ID.fullmatch(uri.removeprefix(_BACKEND)):
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
