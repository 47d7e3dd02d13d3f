"""Signed JWTs of others than the issuer: proofs and assertions, read strictly, and the public keys that verify them."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from watchword.compact import decode_base64url, decode_object
from watchword.errors import UnusableKey
from watchword.keys import VerificationKey, read_jwk

MAX_BYTES = 16 * 1024
_REQUIRED = {"EC": ("crv", "x", "y"), "RSA": ("n", "e"), "OKP": ("crv", "x")}
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_MAX_RSA_BITS = 8192
# What would change how the rest is to be read, or which key is meant.
_FOREIGN = frozenset({"crit", "b64", "zip", "enc", "jku", "x5u"})


@dataclass(frozen=True, slots=True)
class Signed:
    """A JWT taken apart. Nothing in it is proven until a key has verified it."""

    alg: str
    header: Mapping[str, object]
    claims: Mapping[str, object]
    signing_input: bytes
    signature: bytes

    @property
    def kid(self) -> str | None:
        """The name of the key, where the header has one."""
        kid = self.header.get("kid")
        return kid if isinstance(kid, str) else None

    def verified_by(self, key: VerificationKey) -> bool:
        """Whether it is this key's, by the key's own algorithm."""
        return key.alg == self.alg and key.verifies(self.signing_input, self.signature)


def read_signed(text: str, types: Collection[str | None]) -> Signed:
    """Takes a compact JWS (RFC 7515 7.1) apart whose `typ` is one of `types`. ValueError says what is wrong.

    `typ` compares as RFC 7515 4.1.9 says: without case, and with or without `application/`.
    """
    if len(text) > MAX_BYTES:
        raise ValueError("it is too long")
    signing_input, _, signature = text.encode("ascii").rpartition(b".")
    first, dot, second = signing_input.partition(b".")
    if not dot or b"." in second:
        raise ValueError("it is not a compact JWS")
    header = decode_object(decode_base64url(first))
    typ, alg = header.get("typ"), header.get("alg")
    if not _FOREIGN.isdisjoint(header):
        raise ValueError("its header asks for what is not done here")
    if not (typ is None or isinstance(typ, str)) or _type(typ) not in types:
        raise ValueError("its typ is another")
    if not isinstance(alg, str):
        raise ValueError("its header names no algorithm")
    claims = decode_object(decode_base64url(second))
    return Signed(_pinned(alg), header, claims, signing_input, decode_base64url(signature))


def read_public_key(jwk: Mapping[str, object], alg: str) -> VerificationKey:
    """A client's public JWK for an algorithm; `UnusableKey` says why another may not be used.

    Unlike an issuer's, it may be without `alg`, `use` and `kid`; what it says must fit. It is never a private key.
    """
    kty = jwk.get("kty")
    if not isinstance(kty, str) or kty not in _REQUIRED:
        raise UnusableKey("the key is of no kind that is used here")
    if not _PRIVATE.isdisjoint(jwk):
        raise UnusableKey("the key is private")
    said = jwk.get("alg", alg)
    if jwk.get("use", "sig") != "sig" or "verify" not in _operations(jwk) or not isinstance(said, str):
        raise UnusableKey("the key is not for verifying signatures")
    if _pinned(said) != alg:
        raise UnusableKey("the key is for another algorithm")
    return _parsed(kty, alg, tuple((name, _text(jwk, name)) for name in _REQUIRED[kty]))


def thumbprint(jwk: Mapping[str, object]) -> str:
    """RFC 7638 3, by SHA-256."""
    kty = jwk.get("kty")
    names = _REQUIRED.get(kty, ()) if isinstance(kty, str) else ()
    members = {name: _text(jwk, name) for name in ("kty", *names)}
    return base64url(hashlib.sha256(msgspec.json.encode(members, order="sorted")).digest())


def base64url(data: bytes) -> str:
    """Without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _type(typ: str | None) -> str | None:
    return None if typ is None else typ.lower().removeprefix("application/")


def _pinned(alg: str) -> str:
    """RFC 9864 gives EdDSA with Ed25519 a name of its own."""
    return "EdDSA" if alg == "Ed25519" else alg


def _operations(jwk: Mapping[str, object]) -> list[object]:
    operations = jwk.get("key_ops", ["verify"])
    return operations if isinstance(operations, list) else []


def _text(jwk: Mapping[str, object], name: str) -> str:
    value = jwk.get(name)
    if not isinstance(value, str) or len(value) > _MAX_RSA_BITS // 6 + 1:
        raise UnusableKey(f"{name} is missing, or no text of a fitting length")
    return value


# Parsing a key costs as much as verifying with it.
@lru_cache(maxsize=1024)
def _parsed(kty: str, alg: str, members: tuple[tuple[str, str], ...]) -> VerificationKey:
    return read_jwk({"kid": "-", "kty": kty, "alg": alg, "use": "sig", **dict(members)})
