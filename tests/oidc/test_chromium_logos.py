"""An application's picture in Chromium: asked for of its own origin alone, which is not told by whom."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from playwright.async_api import Page
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from tests.harness.applications import Application
from tests.harness.people import Person
from tests.oidc.chromium import LOOKS, Chromium, chromium, listened, looked_at, sign_in
from tests.oidc.conftest import Parties
from tests.oidc.party import BACK, Party
from tests.oidc.served import free_site, serving

__all__ = ["chromium"]

PICTURE = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 160 64"><rect width="160" height="64" rx="12"
fill="#7a3b8f"/><text x="80" y="42" font-size="28" fill="#fff" text-anchor="middle">Shop</text></svg>"""


@dataclass
class Host:
    """Where a picture lies, and how it was asked for."""

    site: str
    asked: list[Headers] = field(default_factory=list)

    def app(self) -> Starlette:
        async def picture(request: Request) -> Response:
            self.asked.append(request.headers)
            return Response(PICTURE, media_type="image/svg+xml")

        async def elsewhere(request: Request) -> Response:
            return RedirectResponse(f"http://localhost:{request.url.port}/logo.svg")

        return Starlette(routes=[Route("/logo.svg", picture), Route("/away.svg", elsewhere)])


@pytest_asyncio.fixture
async def host() -> AsyncIterator[Host]:
    site, port = free_site()
    made = Host(site)
    async with serving(made.app(), port):
        yield made


async def seen(page: Page) -> int:
    """How wide the picture is; 0 where it could not be had."""
    picture = page.locator(".logo img")
    await picture.evaluate("one => one.complete || new Promise(done => one.onload = one.onerror = done)")
    width: int = await picture.evaluate("one => one.naturalWidth")
    return width


@pytest.mark.parametrize("look", LOOKS)
async def test_a_logo_is_shown_and_its_host_is_not_told_where(
    chromium: Chromium, parties: Parties, host: Host, person: Person, look: str
) -> None:
    app = await parties(name="The shop", ask_consent=True, logo_uri=f"{host.site}/logo.svg")
    page = await (await chromium.new_context(**LOOKS[look])).new_page()
    complaints = listened(page)
    await page.goto(app.asking())
    assert await seen(page)
    assert await looked_at(page) == []
    await sign_in(page, person)
    await page.wait_for_selector("button[name=decision][value=allow]")
    assert await seen(page)
    assert await looked_at(page) == []
    assert host.asked
    assert not any("referer" in one for one in host.asked)
    assert complaints == []


async def test_a_logo_that_leads_elsewhere_is_not_followed(chromium: Chromium, parties: Parties, host: Host) -> None:
    app = await parties(logo_uri=f"{host.site}/away.svg")
    page = await chromium.new_page()
    complaints = listened(page)
    await page.goto(app.asking())
    assert not await seen(page)
    assert host.asked == []
    assert any("img-src" in one for one in complaints)


async def test_the_logo_of_who_registered_themselves_waits_until_somebody_decides_on_them(
    chromium: Chromium, app: Party, host: Host, person: Person
) -> None:
    said = {"redirect_uris": [BACK], "client_name": "Your bank", "logo_uri": f"{host.site}/logo.svg"}
    told = (await app.http.post(f"{app.issuer}/oauth2/register", json=said)).json()
    theirs = app.of(Application(told["client_id"], told["client_secret"]))
    page = await chromium.new_page()
    await page.goto(theirs.asking())
    await sign_in(page, person)
    await page.wait_for_selector("button[name=decision][value=allow]")
    assert await seen(page)
    assert len(host.asked) == 1, "not on the page to sign in"
