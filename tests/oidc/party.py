"""An application that signs people in: what it asks for, what it is answered, and what it does with that."""

import asyncio
import base64
import hashlib
import secrets
import time
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from httpx2 import AsyncClient, Response

from tests.harness.applications import Application, registered
from tests.harness.browsing import Browser, Page
from tests.harness.people import Person
from tests.harness.running import Suite

BACK, OUT = "https://app.example/callback", "https://app.example/out"
ALLOW, DENY, CONTINUE = ("decision", "allow"), ("decision", "deny"), ("decision", "continue")
MAX_STALENESS = 5.0


@dataclass(frozen=True)
class Pkce:
    """RFC 7636, S256."""

    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)

    @property
    def asked(self) -> dict[str, str]:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        return {"code_challenge": challenge, "code_challenge_method": "S256"}


@dataclass(frozen=True)
class Party:
    """A relying party of a suite, over HTTP."""

    suite: Suite
    http: AsyncClient
    client: Application
    back: str = BACK
    pkce: Pkce = field(default_factory=Pkce)

    @property
    def issuer(self) -> str:
        return self.suite.url("token")

    def of(self, client: Application) -> "Party":
        """The same, of another client."""
        return replace(self, client=client)

    def parameters(self, **more: str | None) -> dict[str, str]:
        """An authorization request; None takes a parameter out."""
        asked: dict[str, str | None] = {
            "client_id": self.client.client_id,
            "redirect_uri": self.back,
            "response_type": "code",
            "scope": "openid",
            "state": "s",
            "nonce": "n",
            **self.pkce.asked,
            **more,
        }
        return {name: value for name, value in asked.items() if value is not None}

    def asking(self, **more: str | None) -> str:
        """Where a browser is sent to ask."""
        return f"{self.suite.url('identity')}/oauth2/authorize?{urlencode(self.parameters(**more))}"

    def said(self, page: Page) -> dict[str, str]:
        """What a browser came back with. It came back to this application, and from the issuer (RFC 9207)."""
        assert page.left.startswith(self.back), page.left or page.text
        said = dict(parse_qsl(urlsplit(page.left).query))
        assert said["iss"] == self.issuer
        return said

    async def code(self, browser: Browser, person: Person, **more: str | None) -> str:
        """A code for a person, who signs in and consents where they are asked."""
        return self.said(await entered(browser, self.asking(**more), person))["code"]

    async def redeem(self, code: str, **more: str | None) -> Response:
        """Shows a code at the token endpoint."""
        form = {"code": code, "redirect_uri": self.back, "code_verifier": self.pkce.verifier} | more
        return await self.ask(grant_type="authorization_code", **form)

    async def ask(self, **form: str | None) -> Response:
        """A request at the token endpoint, by client_secret_basic or, without a secret, by client_id."""
        sent = {name: value for name, value in form.items() if value is not None}
        url = f"{self.issuer}/oauth2/token"
        if not self.client.secret:
            return await self.http.post(url, data=sent | {"client_id": self.client.client_id})
        return await self.http.post(url, data=sent, auth=self.client.auth)

    async def tokens(self, browser: Browser, person: Person, **more: str | None) -> dict[str, Any]:
        """What a person's code is worth."""
        answer = await self.redeem(await self.code(browser, person, **more))
        assert answer.status_code == 200, answer.text
        tokens: dict[str, Any] = answer.json()
        return tokens

    async def userinfo(self, access_token: str) -> Response:
        url = f"{self.suite.url('identity')}/oauth2/userinfo"
        return await self.http.get(url, headers={"Authorization": f"Bearer {access_token}"})

    async def ends(self, access_token: str) -> bool:
        """Whether a token opens nothing within the time in which verifiers know of a revocation."""
        deadline = time.monotonic() + MAX_STALENESS
        while (await self.userinfo(access_token)).status_code != 401:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.05)
        return True


async def party(suite: Suite, http: AsyncClient, **wanted: Any) -> Party:
    """A confidential web application that asks for no consent, where nothing else is wanted."""
    given: dict[str, Any] = {
        "name": "An application",
        "confidential": True,
        "grant_types": ["authorization_code", "refresh_token"],
        "scopes": ["openid", "profile", "email", "address", "phone", "offline_access"],
        "redirect_uris": [BACK],
        "post_logout_redirect_uris": [OUT],
        "ask_consent": False,
    } | wanted
    return Party(suite, http, await registered(suite, **given), given["redirect_uris"][0])


async def sign_in(browser: Browser, page: Page, person: Person) -> Page:
    """Types name and password."""
    assert page.has("input", name="password"), page.text or page.left
    return await browser.submit(page, username=person.username, password=person.password)


async def entered(browser: Browser, url: str, person: Person) -> Page:
    """Goes there, and does what the pages ask until the application has its answer."""
    page = await browser.open(url)
    if not page.left and page.has("input", name="password"):
        page = await sign_in(browser, page, person)
    if not page.left and ALLOW in page.form.buttons:
        page = await browser.submit(page, ALLOW)
    return page
