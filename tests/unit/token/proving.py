"""Clients that prove who they are: keys, assertions, DPoP proofs, and the requests that carry them."""

import hashlib
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from starlette.requests import Request

from services.token.api.proof import binding_of, proof_of
from services.token.domain import SECOND
from services.token.domain.assertion import TYPE
from services.token.domain.binding import Binding
from services.token.domain.client import Client
from services.token.ports import Token
from tests.unit.token.world import ISSUER, World

TOKEN_URL = f"{ISSUER}/oauth2/token"


class Key:
    """A client's key pair, for one algorithm."""

    def __init__(self, alg: str = "ES256", **members: str) -> None:
        self.alg = alg
        self.private: Any = _made(alg)
        self.jwk = json.loads(_algorithm(alg).to_jwk(self.private.public_key())) | members
        self.jwk.pop("key_ops", None)

    @property
    def private_jwk(self) -> dict[str, Any]:
        private: dict[str, Any] = json.loads(_algorithm(self.alg).to_jwk(self.private))
        private.pop("key_ops", None)
        return private

    @property
    def thumbprint(self) -> str:
        """RFC 7638, spelt out anew."""
        names = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n"), "OKP": ("crv", "kty", "x")}[self.jwk["kty"]]
        text = "{" + ",".join(f'"{name}":"{self.jwk[name]}"' for name in names) + "}"
        return b64(hashlib.sha256(text.encode()).digest())

    def sign(self, claims: Mapping[str, Any], **header: Any) -> str:
        said = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(said, self.private, self.alg, header)


def _made(alg: str) -> Any:
    match alg:
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
    return RSA


RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
"""Made once: it takes long."""


def _algorithm(alg: str) -> Any:
    return jwt.get_algorithm_by_name(alg)


def b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(header: Mapping[str, Any], claims: Mapping[str, Any], signature: bytes = b"") -> str:
    """A JWT with any header, and a signature that somebody made otherwise."""
    parts = (b64(json.dumps(part).encode()) for part in (header, claims))
    return ".".join((*parts, b64(signature)))


async def bound_by(token: Token, request: Request, client: Client) -> Binding:
    """What the tokens that answer a request are bound to."""
    return await binding_of(token, request, client, await proof_of(token, request))


def asserts(world: World, client_id: str = "bank", **changes: Any) -> dict[str, Any]:
    """The claims of a good assertion, changed."""
    now = world.clock.time // SECOND
    said = {"iss": client_id, "sub": client_id, "aud": ISSUER, "jti": secrets.token_hex(8), "iat": now, "exp": now + 60}
    return said | changes


def proves(world: World, **changes: Any) -> dict[str, Any]:
    """The claims of a good DPoP proof for the token endpoint, changed."""
    now = world.clock.time // SECOND
    return {"htm": "POST", "htu": TOKEN_URL, "jti": secrets.token_hex(8), "iat": now} | changes


def proof(world: World, key: Key, **changes: Any) -> str:
    return key.sign(proves(world, **changes), typ="dpop+jwt", jwk=key.jwk)


def asserted(assertion: str, **body: str) -> dict[str, str]:
    return {"client_assertion_type": TYPE, "client_assertion": assertion} | body


def asked(
    body: Mapping[str, str], *headers: tuple[str, str], path: str = "/oauth2/token", certificate: bytes | None = None
) -> Request:
    """A form at an endpoint, as the edge hands it on. Its Host header names somebody else."""
    raw = [(b"content-type", b"application/x-www-form-urlencoded"), (b"host", b"evil.example")]
    raw += [(name.lower().encode(), value.encode()) for name, value in headers]
    scope = {"type": "http", "method": "POST", "path": path, "headers": raw, "query_string": b""}
    scope["watchword.headers"] = []
    if certificate is not None:
        scope["watchword.certificate"] = [certificate]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": urlencode(body).encode(), "more_body": False}

    return Request(scope, receive)
