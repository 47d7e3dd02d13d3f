"""Clients that prove who they are by more than a secret: by an assertion (RFC 7523) or a certificate (RFC 8705).

Such a client is read as the log has it now, so that keys that were taken from it prove nothing any more.
"""

import hashlib
import hmac
import secrets
from collections.abc import Collection

from cryptography import x509

from services.token.adapters.authorities import vouched_for
from services.token.domain.assertion import algorithms, judge_assertion
from services.token.domain.certificate import BY_AUTHORITY, METHODS, holds, names
from services.token.domain.client import CLIENT, Client
from services.token.domain.errors import InvalidClient
from services.token.ports import Jwk, NotFetched, Token, Wanted
from watchword.errors import UnusableKey
from watchword.signed import Signed, read_public_key

SECRET = "client_secret"
MIN_SECRET = 32
"""Characters that a secret has at least that makes a MAC (RFC 7518 3.2)."""


def require_method(client: Client, method: str) -> Client:
    """Raises InvalidClient where the client proves itself in another way than the one it is registered with."""
    if method not in client.auth_methods:
        raise InvalidClient(f"the client is registered for {' or '.join(client.auth_methods)}")
    return client


async def keep_secret(token: Token, secret: str) -> str:
    """Keeps a secret encrypted, for `client_secret_jwt`; answers its name (`Client.secret_key`)."""
    name = f"sec_{secrets.token_urlsafe(12)}"
    await token.vault.keep(name, SECRET, secret.encode())
    return name


async def by_assertion(token: Token, client_id: str, signed: Signed, endpoints: Collection[str]) -> Client:
    """The client that has signed an assertion, which is taken once. Raises InvalidClient."""
    client = await token.log.fresh(CLIENT, client_id)
    allowed = algorithms(client)
    if not allowed:
        raise InvalidClient("the client is unknown, or not registered for assertions")
    if signed.alg not in allowed:
        raise InvalidClient(f"the assertion is not signed by {' or '.join(allowed)}")
    now = token.log.now()
    assertion = judge_assertion(signed.claims, client, token.issuer, endpoints, now)
    if not await signed_by(token, client, signed):
        raise InvalidClient("the assertion's signature is not the client's")
    if not await token.kept.claim("assertion", f"{client.id} {assertion.jti}", assertion.expires_at):
        raise InvalidClient("the assertion was used before (jti)")
    return client


async def by_certificate(token: Token, client_id: str, shown: x509.Certificate) -> Client:
    """The client whose certificate this is. Raises InvalidClient."""
    client = await token.log.fresh(CLIENT, client_id)
    if client.token_endpoint_auth_method not in METHODS:
        raise InvalidClient("the client is unknown, or not registered for a certificate")
    if client.token_endpoint_auth_method == BY_AUTHORITY:
        if not names(client, shown):
            raise InvalidClient("the certificate names another than the client")
        if not vouched_for(token.proving.authorities, shown, token.log.now()):
            raise InvalidClient("the certificate is not by an authority that is believed here, or not valid now")
    elif await _key(token, client, lambda jwk: holds(jwk, shown)) is None:
        raise InvalidClient("the certificate is none of the client's")
    return client


async def signed_by(token: Token, client: Client, signed: Signed) -> bool:
    """Whether a JWT is the client's, by its keys of today or, with HS256, by its secret. Raises InvalidClient."""
    if signed.alg == "HS256":
        return any(_makes(secret, signed) for secret in await secrets_of(token, client))
    return await _key(token, client, _signs(signed)) is not None


async def secrets_of(token: Token, client: Client) -> list[bytes]:
    """The secrets that are kept encrypted for a client: its own, and the one before it for as long as that is good."""
    old = client.old_secret_key if token.log.now() < client.old_secret_until else ""
    kept = [await token.vault.secret(key, SECRET) for key in (client.secret_key, old) if key]
    return [secret for secret in kept if secret is not None]


def _makes(secret: bytes, signed: Signed) -> bool:
    return hmac.compare_digest(hmac.digest(secret, signed.signing_input, hashlib.sha256), signed.signature)


def _signs(signed: Signed) -> Wanted:
    """A key that has signed; where both have a name, it is the same."""

    def wanted(jwk: Jwk) -> bool:
        if signed.kid is not None and jwk.get("kid") not in (None, signed.kid):
            return False
        try:
            return signed.verified_by(read_public_key(jwk, signed.alg))
        except UnusableKey:
            return False

    return wanted


async def _key(token: Token, client: Client, wanted: Wanted) -> Jwk | None:
    """The client's key that is wanted, among those that it registered or those that it publishes."""
    if client.jwks is not None:
        listed = client.jwks.get("keys", [])
        return next((jwk for jwk in listed if isinstance(jwk, dict) and wanted(jwk)), None)
    if not client.jwks_uri:
        return None
    try:
        return await token.proving.keys.find(client.jwks_uri, wanted)
    except NotFetched as refused:
        raise InvalidClient(f"the client's jwks_uri could not be read: {refused}") from None
