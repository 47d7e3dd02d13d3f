"""The device flow (RFC 8628) on a running suite: a television asks, a plain browser without JavaScript says yes."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from httpx2 import AsyncClient, Response

from tests.harness.applications import Application, registered
from tests.harness.browsing import Browser
from tests.harness.people import People
from tests.harness.reuse import judged
from tests.harness.running import Running

pytestmark = pytest.mark.over("feed")

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
ALLOW, DENY = ("decision", "allow"), ("decision", "deny")


@dataclass
class Television:
    """A public client that shows a code and asks for its tokens."""

    suite: Running
    http: AsyncClient
    client: Application

    async def begins(self) -> dict[str, Any]:
        answer = await self._posts("device_authorization", scope="openid profile offline_access")
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        begun: dict[str, Any] = answer.json()
        return begun

    async def asks(self, begun: dict[str, Any]) -> Response:
        return await self._posts("token", grant_type=GRANT, device_code=begun["device_code"])

    async def _posts(self, path: str, **form: str) -> Response:
        data = {"client_id": self.client.client_id} | form
        return await self.http.post(f"{self.suite.url('token')}/oauth2/{path}", data=data)


@pytest_asyncio.fixture
async def television(suite: Running) -> AsyncIterator[Television]:
    client = await registered(
        suite,
        name="A television",
        grant_types=[GRANT, "refresh_token"],
        scopes=["openid", "profile", "offline_access"],
    )
    async with AsyncClient(timeout=30, trust_env=False) as http:
        yield Television(suite, http, client)


@pytest_asyncio.fixture
async def browser(suite: Running) -> AsyncIterator[Browser]:
    async with AsyncClient(timeout=30, trust_env=False) as http:
        yield Browser.before(http, suite.url("identity"))


async def test_a_television_is_let_in_by_a_browser(television: Television, browser: Browser, people: People) -> None:
    suite, person = television.suite, await people.register()
    metadata = (await browser.http.get(f"{suite.url('token')}/.well-known/openid-configuration")).json()
    assert metadata["device_authorization_endpoint"] == f"{suite.url('token')}/oauth2/device_authorization"
    assert GRANT in metadata["grant_types_supported"]
    begun = await television.begins()
    assert begun["verification_uri"] == f"{suite.url('identity')}/device"
    pending = await television.asks(begun)
    assert (pending.status_code, pending.json()["error"]) == (400, "authorization_pending")
    assert (await television.asks(begun)).json()["error"] == "slow_down"

    page = await browser.open(begun["verification_uri_complete"])
    page = await browser.submit(page)
    page = await browser.submit(page, username=person.username, password=person.password)
    assert page.title.startswith("Connect A television?")
    assert begun["user_code"] in page.text
    assert (await browser.submit(page, ALLOW)).title.startswith("The device is connected")

    answer = await television.asks(begun)
    assert answer.status_code == 200, answer.text
    tokens = answer.json()
    assert set(tokens["scope"].split()) == {"openid", "profile", "offline_access"}
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    userinfo = await browser.http.get(metadata["userinfo_endpoint"], headers=headers)
    assert userinfo.json()["sub"] == person.account_id
    assert userinfo.json()["preferred_username"] == person.username
    reused = await judged(lambda: television.asks(begun))
    assert reused.json()["error"] == "invalid_grant"


async def test_a_television_that_is_not_wanted_gets_nothing(
    television: Television, browser: Browser, people: People
) -> None:
    person, begun = await people.register(), await television.begins()
    page = await browser.submit(await browser.open(begun["verification_uri"]), user_code="BBBB-BBBB")
    assert "No device waits for this code." in page.text
    page = await browser.submit(page, user_code=begun["user_code"].lower().replace("-", ""))
    page = await browser.submit(page, username=person.username, password=person.password)
    assert (await browser.submit(page, DENY)).title.startswith("The device is not connected")
    assert (await television.asks(begun)).json()["error"] == "access_denied"
    page = await browser.submit(await browser.open(begun["verification_uri"]), user_code=begun["user_code"])
    assert "No device waits for this code." in page.text
