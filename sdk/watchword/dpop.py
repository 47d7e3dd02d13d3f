"""DPoP proofs (RFC 9449 4): that whoever presents a token holds the key that it is bound to.

What is judged here needs nothing from outside. Whoever takes proofs has to see besides that the `jti` of each comes
once, and may ask for a nonce.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from watchword.errors import UnusableKey, WatchwordError
from watchword.signed import Signed, base64url, read_public_key, read_signed, thumbprint

ALGORITHMS: Final = ("ES256", "PS256", "EdDSA")
MAX_AGE_S = 300
SKEW_S = 30
_MAX_JTI = 256
_PORTS = {"http": 80, "https": 443}


class ProofRefused(WatchwordError):
    """The proof proves nothing. The message says why, and holds nothing of it.

    `temporary`: whether it was used before cannot be said now.
    """

    def __init__(self, detail: str, *, temporary: bool = False) -> None:
        super().__init__(detail)
        self.temporary = temporary


@dataclass(frozen=True, slots=True)
class Proof:
    """What a good proof proves: the key, by its thumbprint (RFC 7638). `expires_at` in seconds since 1970, after which
    it is good no more; until then its `jti` must not be seen again.
    """

    jkt: str
    jti: str
    nonce: str | None
    expires_at: int


def read_proof(text: str, *, method: str, urls: Collection[str], now: int, access_token: str | None = None) -> Proof:
    """Judges a proof for a request as RFC 9449 4.3 says; `ProofRefused` where it is not good.

    `urls` are those under which the request's address is known: one's own, never what a Host header says. `now` in
    seconds. With `access_token`, the proof has to be made for that one.
    """
    try:
        signed = read_signed(text, {"dpop+jwt"})
        jkt = _proven_key(signed)
    except UnusableKey as error:
        raise ProofRefused(f"the DPoP proof's key cannot be used: {error}") from None
    except ValueError:
        raise ProofRefused("the DPoP proof is no JWT of the type dpop+jwt in its one spelling") from None
    _require(signed, method, urls, access_token)
    nonce = signed.claims.get("nonce")
    if nonce is not None and not isinstance(nonce, str):
        raise ProofRefused("the DPoP proof's nonce is no text")
    return Proof(jkt, _jti(signed), nonce, _issued(signed, now) + MAX_AGE_S)


def token_hash(access_token: str) -> str:
    """`ath` (RFC 9449 4.2)."""
    return base64url(hashlib.sha256(access_token.encode("ascii", "replace")).digest())


def _proven_key(signed: Signed) -> str:
    if signed.alg not in ALGORITHMS:
        raise ProofRefused("the DPoP proof's algorithm is none of " + ", ".join(ALGORITHMS))
    jwk = signed.header.get("jwk")
    if not isinstance(jwk, dict):
        raise ProofRefused("the DPoP proof brings no key")
    if not signed.verified_by(read_public_key(jwk, signed.alg)):
        raise ProofRefused("the DPoP proof's signature does not verify")
    return thumbprint(jwk)


def _require(signed: Signed, method: str, urls: Collection[str], access_token: str | None) -> None:
    htu = signed.claims.get("htu")
    if signed.claims.get("htm") != method:
        raise ProofRefused("the DPoP proof is for another method (htm)")
    if not isinstance(htu, str) or _address(htu) not in {_address(url) for url in urls}:
        raise ProofRefused("the DPoP proof is for another address (htu)")
    if access_token is not None and signed.claims.get("ath") != token_hash(access_token):
        raise ProofRefused("the DPoP proof is for another access token (ath)")


def _jti(signed: Signed) -> str:
    jti = signed.claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= _MAX_JTI:
        raise ProofRefused("the DPoP proof has no jti, or a long one")
    return jti


def _issued(signed: Signed, now: int) -> int:
    issued = signed.claims.get("iat")
    if isinstance(issued, bool) or not isinstance(issued, int | float) or not now - MAX_AGE_S < issued <= now + SKEW_S:
        raise ProofRefused("the DPoP proof was not made just now (iat)")
    return int(issued)


def _address(url: str) -> tuple[str, str, int | None, str] | None:
    """Without query and fragment, and as RFC 3986 6.2.2 and 6.2.3 spell it; None for what is no such address."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None:
        return None
    return parts.scheme, parts.hostname, port, parts.path or "/"
