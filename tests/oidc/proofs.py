"""DPoP proofs, as a client makes them (RFC 9449 4.2)."""

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from httpx2 import AsyncClient, Response
from jwt.algorithms import ECAlgorithm


@dataclass
class Prover:
    """Whoever has a key, and the nonce that the server gave last (RFC 9449 8)."""

    nonce: str = ""
    key: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()), repr=False)

    @property
    def public(self) -> dict[str, Any]:
        jwk: dict[str, Any] = ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {name: jwk[name] for name in ("crv", "kty", "x", "y")}

    @property
    def thumbprint(self) -> str:
        """RFC 7638."""
        canonical = json.dumps(self.public, sort_keys=True, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(hashlib.sha256(canonical).digest()).decode().rstrip("=")

    def proof(self, method: str, url: str, **more: str | int) -> dict[str, str]:
        """A header that proves the key for one request; `more` are claims."""
        said = {"jti": secrets.token_urlsafe(12), "htm": method, "htu": url, "iat": int(time.time())} | more
        if self.nonce:
            said["nonce"] = self.nonce
        return {"DPoP": jwt.encode(said, self.key, "ES256", {"typ": "dpop+jwt", "jwk": self.public})}

    async def post(self, http: AsyncClient, url: str, form: dict[str, str]) -> Response:
        """A request with a proof; once more where the server wants its nonce in it."""
        answer = await http.post(url, data=form, headers=self.proof("POST", url))
        if answer.status_code == 400 and answer.json()["error"] == "use_dpop_nonce":
            self.nonce = answer.headers["DPoP-Nonce"]
            answer = await http.post(url, data=form, headers=self.proof("POST", url))
        return answer
