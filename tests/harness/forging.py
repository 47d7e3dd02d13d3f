"""Access tokens as nobody should ever see them, signed by the suite's own key: so that only what they say is wrong.

The key is read where it lies, as only somebody who holds both the database and its key-encryption key can.
"""

import base64
import json
from dataclasses import dataclass
from typing import Any

import asyncpg
from cryptography.hazmat.primitives.serialization import load_der_private_key
from jwt.algorithms import get_default_algorithms

from chassis.keys import read_key_file
from services.token.adapters.vault import EncryptedVault, PostgresWrappedKeys
from tests.harness.running import Running
from watchword.token.v1 import token_pb2, token_pb2_grpc


@dataclass(frozen=True)
class Forge:
    """An active signing key of a suite."""

    kid: str
    alg: str
    private: Any

    def token(self, claims: dict[str, Any], **header: Any) -> str:
        """Claims under a header that is right but for what is named; a member that is None is left out."""
        whole = {"typ": "at+jwt", "alg": self.alg, "kid": self.kid} | header
        present = {name: value for name, value in whole.items() if value is not None}
        return self.raw(json.dumps(present).encode(), json.dumps(claims).encode())

    def raw(self, header: bytes, payload: bytes) -> str:
        """A compact JWS of any bytes."""
        signing_input = f"{b64(header)}.{b64(payload)}"
        signature = get_default_algorithms()[self.alg].sign(signing_input.encode(), self.private)
        return f"{signing_input}.{b64(signature)}"


async def forge(suite: Running, alg: str = "ES256") -> Forge:
    """The key that signs now."""
    kid = await active_key(suite, alg)
    wrapping = read_key_file(suite.place.secrets / "token.kek")
    async with asyncpg.create_pool((suite.place.secrets / "token.dsn").read_text(), min_size=1, max_size=1) as pool:
        secret = await EncryptedVault(wrapping, PostgresWrappedKeys(pool)).secret(kid, "signing")
    assert secret is not None
    return Forge(kid, alg, load_der_private_key(secret, None))


async def active_key(suite: Running, alg: str, purpose: str = "signing") -> str:
    """The id of the key that is in use."""
    async with suite.channel("token") as channel:
        stub: Any = token_pb2_grpc.TokenServiceStub(channel)
        keys = (await stub.ListKeys(token_pb2.ListKeysRequest())).keys
    found = [key.key_id for key in keys if (key.purpose, key.alg, key.state) == (purpose, alg, "active")]
    return str(found[0])


def b64(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
