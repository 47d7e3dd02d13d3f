"""What a client says when it proves who it is by a JWT (RFC 7523 3, OpenID Connect Core 9)."""

from collections.abc import Collection, Mapping

import msgspec

from services.token.domain import SECOND
from services.token.domain.client import Client
from services.token.domain.errors import InvalidClient

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TYPES = frozenset({None, "jwt", "client-authentication+jwt"})
"""What its header's `typ` may be."""
BY_KEY = ("ES256", "PS256", "EdDSA", "RS256")
BY_SECRET = ("HS256",)
_BY_METHOD: Mapping[str, tuple[str, ...]] = {"private_key_jwt": BY_KEY, "client_secret_jwt": BY_SECRET}
MAX_LIFE = 3600 * SECOND
SKEW = 30 * SECOND
_MAX_JTI = 256


class Assertion(msgspec.Struct, frozen=True):
    """One that is good if it comes for the first time: its `jti` must not be seen again before `expires_at` (µs)."""

    jti: str
    expires_at: int


def algorithms(client: Client) -> tuple[str, ...]:
    """Which may sign the client's assertions; none where it is not registered for any. FAPI 2.0 Security Profile 5.4.1
    rules RS256 out.
    """
    fitting = _BY_METHOD.get(client.token_endpoint_auth_method, ())
    if client.held_to_fapi:
        fitting = tuple(alg for alg in fitting if alg != "RS256")
    own = client.token_endpoint_auth_signing_alg
    return tuple(alg for alg in fitting if own in ("", alg))


def judge_assertion(
    claims: Mapping[str, object], client: Client, issuer: str, endpoints: Collection[str], now: int
) -> Assertion:
    """RFC 7523 3. `endpoints` are the addresses of token's own that may stand for it. Raises InvalidClient."""
    if claims.get("iss") != client.id or claims.get("sub") != client.id:
        raise InvalidClient("the assertion is not by and about the client (iss, sub)")
    if not _meant_for_us(claims.get("aud"), client, issuer, endpoints):
        raise InvalidClient("the assertion is meant for another (aud)")
    expires_at = instant(claims, "exp")
    if expires_at is None or not now - SKEW < expires_at <= now + MAX_LIFE + SKEW:
        raise InvalidClient("the assertion has expired, or lives longer than an hour (exp)")
    for name in ("iat", "nbf"):
        if name in claims and ((made := instant(claims, name)) is None or made > now + SKEW):
            raise InvalidClient(f"the assertion is of the future ({name})")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= _MAX_JTI:
        raise InvalidClient("the assertion has no jti, or a long one")
    return Assertion(jti, expires_at + SKEW)


def _meant_for_us(aud: object, client: Client, issuer: str, endpoints: Collection[str]) -> bool:
    """FAPI 2.0 Security Profile 5.3.2.1: the issuer, as a string and not in a list. Others may name an endpoint."""
    if client.held_to_fapi:
        return aud == issuer
    named = aud if isinstance(aud, list) else [aud]
    return any(isinstance(name, str) and (name == issuer or name in endpoints) for name in named)


def instant(claims: Mapping[str, object], name: str) -> int | None:
    """A NumericDate (RFC 7519 2) in µs; None for what is none."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1 << 40:
        return None
    return int(value * SECOND)
