"""Clients that prove themselves by a key of their own (private_key_jwt), registered by themselves or by an operator."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from httpx2 import AsyncClient, Response

from services.token.domain.assertion import TYPE
from tests.harness.applications import Application
from tests.harness.running import Suite
from tests.oidc.party import BACK, Party
from tests.unit.token.proving import Key


@dataclass(frozen=True)
class Keyed(Party):
    """Such a client. It knows no PKCE, as in the plans of OpenID Connect; `told` is what registration answered."""

    key: Key = field(default_factory=lambda: Key("RS256"))
    told: dict[str, Any] = field(default_factory=dict, repr=False)

    def parameters(self, **more: str | None) -> dict[str, str]:
        """See Party."""
        return super().parameters(**{"code_challenge": None, "code_challenge_method": None} | more)

    async def redeem(self, code: str, **more: str | None) -> Response:
        """See Party."""
        return await super().redeem(code, **{"code_verifier": None} | more)

    def assertion(self, **changes: Any) -> str:
        """RFC 7523 3, for one request; the audience is the token endpoint, as these plans have it."""
        now, me = int(time.time()), self.client.client_id
        said = {"iss": me, "sub": me, "aud": f"{self.issuer}/oauth2/token", "jti": secrets.token_hex(8)}
        return self.signed(said | {"iat": now, "exp": now + 60} | changes)

    def signed(self, said: Mapping[str, Any]) -> str:
        """A JWT by its key, which it names where that has a name."""
        named = {"kid": self.key.jwk["kid"]} if "kid" in self.key.jwk else {}
        return self.key.sign(said, **named)

    def proven(self, **changes: Any) -> dict[str, str]:
        """What a form proves the client with."""
        return {"client_assertion_type": TYPE, "client_assertion": self.assertion(**changes)}

    async def ask(self, **form: str | None) -> Response:
        """See Party."""
        sent = {name: value for name, value in form.items() if value is not None}
        return await self.http.post(f"{self.issuer}/oauth2/token", data=self.proven() | sent)


async def endpoint(suite: Suite, http: AsyncClient) -> str:
    """Where clients register themselves, as metadata says."""
    said = (await http.get(f"{suite.url('token')}/.well-known/openid-configuration")).json()
    url: str = said["registration_endpoint"]
    return url


async def registration(suite: Suite, http: AsyncClient, **metadata: Any) -> Response:
    """What a client is answered that registers itself as the plans do, but for `metadata`; None leaves a member out."""
    wanted = {
        "client_name": "A client of certification",
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "redirect_uris": [BACK],
        "contacts": ["certification@oidf.org"],
    } | metadata
    said = {name: value for name, value in wanted.items() if value is not None}
    return await http.post(await endpoint(suite, http), json=said)


async def keyed(suite: Suite, http: AsyncClient, key: Key | None = None, **metadata: Any) -> Keyed:
    """A client that has registered itself with a key, by value unless it says where it publishes it."""
    key = key or Key("RS256")
    own = {} if "jwks_uri" in metadata else {"jwks": {"keys": [key.jwk]}}
    asked = {"token_endpoint_auth_method": "private_key_jwt"} | own | metadata
    answer = await registration(suite, http, **asked)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert "client_secret" not in told
    client = Application(told["client_id"], "")
    return Keyed(suite, http, client, told["redirect_uris"][0], key=key, told=told)


async def published(client: Keyed) -> list[dict[str, Any]]:
    """The issuer's keys."""
    keys: list[dict[str, Any]] = (await client.http.get(f"{client.issuer}/.well-known/jwks.json")).json()["keys"]
    return keys


async def verified(client: Keyed, text: str) -> dict[str, Any]:
    """A JWT of the issuer's for the client, by the key that its header names."""
    kid = jwt.get_unverified_header(text)["kid"]
    key = next(jwt.PyJWK(one) for one in await published(client) if one["kid"] == kid)
    said: dict[str, Any] = jwt.decode(
        text, key, algorithms=["RS256"], issuer=client.issuer, audience=client.client.client_id
    )
    return said
