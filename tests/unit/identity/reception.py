"""The pages of identity through the whole ASGI application, with a small authorization server behind them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
from fastapi import APIRouter

from chassis.readiness import Readiness
from chassis.web import application
from services.identity.api import assets, session
from services.identity.api.account import AccountPage
from services.identity.api.authorize import Authorize
from services.identity.api.callers import Callers, Cookies
from services.identity.api.device import DevicePages
from services.identity.api.flows import Flows
from services.identity.api.grants import GrantsApi
from services.identity.api.logout import Logout
from services.identity.api.site import Site
from services.identity.pages.brand import brand
from services.identity.pages.rendering import Pages
from services.identity.pages.words import load
from services.identity.queries import Queries
from tests.harness.browsing import Browser, Page
from tests.unit.identity.house import PASSWORD, House
from tests.unit.identity.small_authorizations import APP, SmallAuthorizations
from tests.unit.identity.small_devices import SmallDevices

ORIGIN = "http://127.0.0.1:8401"
PUBLIC = "https://id.example.org"


@dataclass(slots=True)
class Reception:
    """`url` is where browsers come."""

    house: House
    token: SmallAuthorizations
    devices: SmallDevices
    url: str
    app: Any

    @asynccontextmanager
    async def browser(self, language: str = "en", address: str = "192.0.2.7") -> AsyncIterator[Browser]:
        transport = httpx2.ASGITransport(app=self.app, client=(address, 1234), raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url=self.url) as http:
            yield Browser.before(http, self.url, language=language)

    def asking(self, **more: str) -> str:
        """An authorization request; an empty value takes a parameter out."""
        asked = {"client_id": "one", "redirect_uri": APP, "response_type": "code", "state": "s1", "scope": "openid"}
        return f"/oauth2/authorize?{urlencode({name: value for name, value in (asked | more).items() if value})}"


class LiveQueries:
    """Folds the whole log for each question."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def list_sessions(self, person: Any) -> Any:
        return await (await self._house.queries()).list_sessions(person)

    async def notices(self, person: Any) -> Any:
        return await (await self._house.queries()).notices(person)

    async def applications(self, person: Any) -> Any:
        return await (await self._house.queries()).applications(person)


def reception_of(
    house: House,
    *,
    public_url: str | None = None,
    url: str = ORIGIN,
    logo: Path | None = None,
    words: Path | None = None,
) -> Reception:
    token, queries = SmallAuthorizations(house.token, told=house.told), cast("Queries", LiveQueries(house))
    devices = SmallDevices(house.token)
    secure = (public_url or "").startswith("https://")
    bearers: Any = None
    callers = Callers(house.identity, bearers, Cookies(secure))
    own = brand("Example Ltd", "#1f5c99", "#8fc1f5", logo)
    site = Site(Pages(own, load(words)), callers, frozenset({ORIGIN, public_url or ORIGIN}), public_url)
    routers: list[APIRouter] = [
        Authorize(site, Flows(callers.cookies), token).router(),
        Logout(site, token).router(),
        GrantsApi(callers, queries, token).router(),
        AccountPage(site, queries, token).router(),
        session.router(callers.cookies),
        DevicePages(site, devices).router(),
        assets.router(own),
    ]
    app = application(title="identity", readiness=Readiness(), origins=site.origins, routers=routers)
    return Reception(house, token, devices, url, app)


async def sign_in(browser: Browser, page: Page, password: str = PASSWORD, username: str = "alice") -> Page:
    """Fills the sign-in page in."""
    return await browser.submit(page, username=username, password=password)


def answer(page: Page) -> dict[str, str]:
    """What an application is told, in the query of its address."""
    assert page.left.startswith(APP), page.left or page.text
    return dict(parse_qsl(urlsplit(page.left).query))
