"""Browsers, each at one address and with its cookies, at several processes of identity."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any

from httpx2 import AsyncClient, AsyncHTTPTransport, Response

from tests.harness.people import Person
from tests.harness.running import Running

SESSION, DEVICE, STATE = "watchword_session", "watchword_device", "watchword_browser"
WRONG = "a wrong password 8 x"


@dataclass
class Browser:
    """A browser at one address, with its cookies; `where` picks the process of identity."""

    suite: Running
    http: AsyncClient
    csrf: str = ""

    def url(self, path: str, where: int = 0) -> str:
        return self.suite.urls("identity")[where] + path

    async def ask(self, method: str, path: str, where: int = 0, headers: Any = None, **body: Any) -> Response:
        """With the CSRF token of the last login, unless `headers` says otherwise."""
        sent = {"X-CSRF-Token": self.csrf} | (headers or {})
        sent = {name: value for name, value in sent.items() if value is not None}
        return await self.http.request(method, self.url(path, where), json=body or None, headers=sent)

    async def login(self, person: Person, where: int = 0, password: str | None = None) -> Response:
        answer = await self.ask(
            "POST", "/v1/login", where, username=person.username, password=password or person.password
        )
        if answer.status_code == 200:
            self.csrf = answer.json()["csrf_token"]
        return answer

    async def alive(self, where: int = 0) -> bool:
        answer = await self.ask("GET", "/v1/account", where)
        assert answer.status_code in (200, 401), answer.text
        return answer.status_code == 200


@asynccontextmanager
async def browser(suite: Running, address: str = "127.0.0.1") -> AsyncIterator[Browser]:
    async with AsyncClient(transport=AsyncHTTPTransport(local_address=address), timeout=30, trust_env=False) as http:
        yield Browser(suite, http)


def cookies_of(answer: Response) -> dict[str, Any]:
    """The cookies that an answer sets, with their attributes."""
    jar: SimpleCookie = SimpleCookie()
    for header in answer.headers.get_list("set-cookie"):
        jar.load(header)
    return dict(jar)


def said(answer: Response) -> tuple[int, dict[str, Any], set[str]]:
    """All that an answer tells, but for what is new in each."""
    body = {name: value for name, value in answer.json().items() if name not in ("reference", "instance")}
    return answer.status_code, body, set(answer.headers)
