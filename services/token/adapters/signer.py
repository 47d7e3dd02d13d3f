"""Signing keys: made here, and signing access tokens (RFC 9068)."""

import asyncio
import secrets
from functools import lru_cache
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from jwt import get_algorithm_by_name
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.utils import base64url_encode

from services.token.domain.keyring import REFRESH, SIGNING, NewKey
from services.token.ports import KeyVault


async def make_signing_key(vault: KeyVault, alg: str) -> NewKey:
    """A new key pair, its private half in the vault. RSA takes long to make: never on the event loop."""
    private = await asyncio.to_thread(_make, alg)
    key_id = secrets.token_urlsafe(9)
    await vault.keep(key_id, SIGNING, private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    return NewKey(key_id, SIGNING, alg, _jwk(private, key_id, alg))


async def make_refresh_key(vault: KeyVault) -> NewKey:
    key_id = secrets.token_urlsafe(9)
    await vault.keep(key_id, REFRESH, secrets.token_bytes(32))
    return NewKey(key_id, REFRESH, "HS256")


async def sign(vault: KeyVault, key_id: str, alg: str, claims: dict[str, Any], typ: str = "at+jwt") -> str:
    """A JWT of that type: an access token where nothing is said. Raises LookupError where the vault has no such key."""
    secret = await vault.secret(key_id, SIGNING)
    if secret is None:
        raise LookupError(f"signing key {key_id} is not in the vault")
    # PyJWT's own encode builds the header anew and asks json for both: twice the time of the signature itself.
    signed = b".".join((_header(key_id, alg, typ), base64url_encode(msgspec.json.encode(claims))))
    signature: bytes = get_algorithm_by_name(alg).sign(signed, _parsed(secret))
    return f"{signed.decode()}.{base64url_encode(signature).decode()}"


@lru_cache(maxsize=64)
def _header(key_id: str, alg: str, typ: str) -> bytes:
    """RFC 9068 2.1, RFC 8725 3.11: no kind of token passes for another."""
    return base64url_encode(msgspec.json.encode({"alg": alg, "typ": typ, "kid": key_id}))


# Parsing a key costs more than signing with it.
@lru_cache(maxsize=16)
def _parsed(secret: bytes) -> Any:
    return load_der_private_key(secret, None)


def _make(alg: str) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey:
    match alg:
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "RS256" | "PS256":
            return rsa.generate_private_key(public_exponent=65537, key_size=2048)
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
    raise ValueError(f"no keys for {alg}")


def _jwk(private: PrivateKeyTypes, key_id: str, alg: str) -> dict[str, Any]:
    match private:
        case ec.EllipticCurvePrivateKey():
            public = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
        case rsa.RSAPrivateKey():
            public = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
        case ed25519.Ed25519PrivateKey():
            public = OKPAlgorithm.to_jwk(private.public_key(), as_dict=True)
        case _:
            raise ValueError("an unknown kind of key")
    members = ("kty", "crv", "x", "y", "n", "e")
    return {name: public[name] for name in members if name in public} | {"kid": key_id, "use": "sig", "alg": alg}
