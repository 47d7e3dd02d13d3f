"""People and applications as they use a running suite: over REST, from outside."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import jwt
from httpx2 import AsyncClient, Limits, Response

from tests.harness.running import Suite

PASSWORD = "correct horse battery staple 9"


@dataclass(frozen=True)
class Person:
    """A registered account."""

    username: str
    password: str
    account_id: str


@dataclass(frozen=True)
class Signed:
    """A direct login's answer."""

    account_id: str
    session_id: str
    access_token: str
    refresh_token: str
    cookies: dict[str, str]
    csrf_token: str

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access_token}"}


class People:
    """Everyone who uses a suite in one test. `where` picks the process: 0 the first, 1 the second of a service."""

    def __init__(self, suite: Suite, http: AsyncClient) -> None:
        self.suite = suite
        self.http = http

    @classmethod
    @asynccontextmanager
    async def of(cls, suite: Suite) -> AsyncIterator["People"]:
        limits = Limits(max_connections=200)
        async with AsyncClient(timeout=30, trust_env=False, limits=limits) as http:
            yield cls(suite, http)

    def url(self, service: str, where: int = 0) -> str:
        return self.suite.urls(service)[where]

    async def register(self, where: int = 0) -> Person:
        username = f"user-{secrets.token_hex(6)}"
        answer = await self.post("identity", "/v1/accounts", where, username=username, password=PASSWORD)
        assert answer.status_code == 201, answer.text
        return Person(username, PASSWORD, answer.json()["account_id"])

    async def post(self, service: str, path: str, where: int = 0, /, headers: Any = None, **body: Any) -> Response:
        return await self.http.post(self.url(service, where) + path, json=body, headers=headers)

    async def get(self, service: str, path: str, where: int = 0, headers: Any = None) -> Response:
        return await self.http.get(self.url(service, where) + path, headers=headers)

    async def try_login(self, username: str, password: str, where: int = 0, client: str | None = None) -> Response:
        self.http.cookies.clear()
        body = {"username": username, "password": password}
        if client is not None:
            body["client_id"] = client
        return await self.http.post(self.url("identity", where) + "/v1/login", json=body)

    async def login(self, person: Person, where: int = 0, client: str | None = None) -> Signed:
        answer = await self.try_login(person.username, person.password, where, client or self.suite.app)
        assert answer.status_code == 200, answer.text
        self.http.cookies.clear()
        return signed(answer)

    async def administrator(self) -> Signed:
        admin = self.suite.admin
        answer = await self.try_login(admin.username, admin.password, client=self.suite.app)
        assert answer.status_code == 200, answer.text
        self.http.cookies.clear()
        return signed(answer)

    async def refresh(self, refresh_token: str, where: int = 0, client: str | None = None, **more: str) -> Response:
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": client or self.suite.app}
        return await self.http.post(self.url("token", where) + "/oauth2/token", data=form | more)

    async def introspect(self, token: str, where: int = 0, headers: Any = None) -> dict[str, Any]:
        """As the client that may introspect any token."""
        service = self.suite.service
        answer = await self.http.post(
            self.url("token", where) + "/oauth2/introspect",
            data={"token": token},
            auth=(service.client_id, service.client_secret),
            headers=headers,
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def revoke(self, admin: Signed, where: int = 0, **target: str) -> dict[str, Any]:
        answer = await self.post(
            "token", "/v1/revocations", where, headers=admin.bearer, reason="a test", wait="applied", **target
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


def signed(answer: Response) -> Signed:
    body = answer.json()
    return Signed(
        account_id=body["account_id"],
        session_id=body["session_id"],
        access_token=body["access_token"],
        refresh_token=body["refresh_token"],
        cookies=dict(answer.cookies),
        csrf_token=body["csrf_token"],
    )


def claims(token: str) -> dict[str, Any]:
    """What a token says, unverified."""
    said: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return said
