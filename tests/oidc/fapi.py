"""Clients as the FAPI 2.0 Security Profile has them: private_key_jwt, pushed requests, PKCE, tokens bound by DPoP."""

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from httpx2 import AsyncClient, Response

from tests.harness.applications import registered
from tests.harness.browsing import Browser
from tests.harness.people import Person
from tests.harness.running import Suite
from tests.oidc.keyed import Keyed
from tests.oidc.party import BACK, Party, entered
from tests.oidc.proofs import Prover
from tests.unit.token.proving import Key


@dataclass(frozen=True)
class Fapi(Keyed):
    """Such a client. The nonce of a server is answered as the plan does: by a new proof, and all else as it was."""

    prover: Prover = field(default_factory=Prover)

    def parameters(self, **more: str | None) -> dict[str, str]:
        """See Party."""
        return Party.parameters(self, **more)

    async def redeem(self, code: str, **more: str | None) -> Response:
        """See Party."""
        return await Party.redeem(self, code, **more)

    def assertion(self, **changes: Any) -> str:
        """See Keyed: the audience is the issuer, and that alone (5.3.2.1)."""
        return super().assertion(**{"aud": self.issuer} | changes)

    async def push(self, proven: dict[str, str] | None = None, /, **more: str | None) -> Response:
        """What the client is answered that pushes a request (RFC 9126)."""
        form = self.parameters(**more) | (proven or self.proven())
        return await self.http.post(f"{self.issuer}/oauth2/par", data=form)

    async def pushed(self, **more: str | None) -> str:
        """The request_uri of a request that was pushed."""
        answer = await self.push(**more)
        assert answer.status_code == 201, answer.text
        uri: str = answer.json()["request_uri"]
        return uri

    def visiting(self, request_uri: str, **more: str) -> str:
        """Where the browser is sent with it."""
        asked = {"client_id": self.client.client_id, "request_uri": request_uri} | more
        return f"{self.suite.url('identity')}/oauth2/authorize?{urlencode(asked)}"

    async def code(self, browser: Browser, person: Person, **more: str | None) -> str:
        """See Party."""
        return self.said(await entered(browser, self.visiting(await self.pushed(**more)), person))["code"]

    async def ask(self, **form: str | None) -> Response:
        """See Party."""
        sent = {name: value for name, value in form.items() if value is not None}
        return await self.prover.post(self.http, f"{self.issuer}/oauth2/token", self.proven() | sent)

    @property
    def resource(self) -> str:
        """What the tokens open."""
        return f"{self.suite.url('identity')}/oauth2/userinfo"

    def shown(self, token: str, scheme: str = "DPoP", **changes: str | int) -> dict[str, str]:
        """Headers that show a token with its proof."""
        ath = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).decode().rstrip("=")
        proof = self.prover.proof("GET", self.resource, **{"ath": ath} | changes)
        return {"Authorization": f"{scheme} {token}"} | proof

    async def userinfo(self, access_token: str) -> Response:
        """See Party."""
        return await self.http.get(self.resource, headers=self.shown(access_token))


async def fapi(suite: Suite, http: AsyncClient, **wanted: Any) -> Fapi:
    """One that an operator has registered."""
    key = Key("ES256", kid="one")
    given: dict[str, Any] = {
        "name": "A bank",
        "confidential": True,
        "grant_types": ["authorization_code", "refresh_token"],
        "scopes": ["openid", "profile", "email", "offline_access"],
        "redirect_uris": [BACK],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [key.jwk | {"alg": "ES256", "use": "sig"}]},
        "require_pushed_authorization_requests": True,
        "dpop_bound_access_tokens": True,
        "ask_consent": True,
    } | wanted
    made = await registered(suite, **given)
    return Fapi(suite, http, made, given["redirect_uris"][0], key=key)
