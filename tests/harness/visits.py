"""Somebody's browser at an application: how they enter it, and what it is given."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
from httpx2 import AsyncClient, Response

from tests.harness.applications import Application
from tests.harness.browsing import Browser
from tests.harness.people import Person
from tests.harness.running import Suite

BACK = "https://app.example/callback"
ALLOW = ("decision", "allow")


@dataclass
class Visit:
    """An application, and what it was given when somebody entered it."""

    suite: Suite
    http: AsyncClient
    client: Application
    said: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, Any] = field(default_factory=dict)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)

    @property
    def identified(self) -> dict[str, Any]:
        read: dict[str, Any] = jwt.decode(self.tokens["id_token"], options={"verify_signature": False})
        return read

    def asking(self, **more: str) -> str:
        """Where a browser asks for a code."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).decode().rstrip("=")
        asked = {
            "client_id": self.client.client_id,
            "redirect_uri": BACK,
            "response_type": "code",
            "scope": "openid",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{self.suite.url('identity')}/oauth2/authorize?{urlencode(asked | more)}"

    async def enter(self, browser: Browser, person: Person, scope: str = "openid") -> None:
        """Signs in where nobody is, allows what is asked for, and gets the tokens."""
        page = await browser.open(self.asking(scope=scope))
        if page.title.startswith("Sign in"):
            page = await browser.submit(page, username=person.username, password=person.password)
        if not page.left:
            page = await browser.submit(page, ALLOW)
        self.said = dict(parse_qsl(urlsplit(page.left).query))
        answer = await self.redeem(self.said["code"])
        assert answer.status_code == 200, answer.text
        self.tokens = answer.json()

    async def redeem(self, code: str, where: int = 0) -> Response:
        """At the first process of token or the second."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": self.verifier}
        url = f"{self.suite.urls('token')[where]}/oauth2/token"
        if self.client.secret:
            return await self.http.post(url, data=form, auth=self.client.auth)
        return await self.http.post(url, data=form | {"client_id": self.client.client_id})

    async def read(self, logout_token: str) -> dict[str, Any]:
        """As the application verifies it: by the keys that the issuer publishes."""
        published = (await self.http.get(f"{self.suite.url('token')}/.well-known/jwks.json")).json()
        header = jwt.get_unverified_header(logout_token)
        (key,) = [one for one in jwt.PyJWKSet.from_dict(published).keys if one.key_id == header["kid"]]
        assert (header["typ"], header["alg"]) == ("logout+jwt", "RS256")
        issuer, mine = self.suite.contract.issuer, self.client.client_id
        said: dict[str, Any] = jwt.decode(logout_token, key, algorithms=["RS256"], audience=mine, issuer=issuer)
        return said
