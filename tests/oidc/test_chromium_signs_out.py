"""Leaving in Chromium: frames, a page that goes on by itself, and applications that see that the state has changed."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest_asyncio
from playwright.async_api import Page, async_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from tests.harness.people import Person
from tests.oidc.conftest import Parties
from tests.oidc.party import Party
from tests.oidc.programs import program
from tests.oidc.served import free_site, serving

WATCHING = """<!doctype html><title>Watching</title><iframe id="op" src="{frame}"></iframe><script>
var said = [];
window.addEventListener("message", function (event) {{ said.push(event.data); }});
function ask(client, state) {{
  document.getElementById("op").contentWindow.postMessage(client + " " + state, "{origin}");
}}
</script>"""


@dataclass
class Shop:
    """An application on the web: its address, and what its pages were asked for."""

    site: str
    party: Party
    asked: list[dict[str, str]] = field(default_factory=list)

    @property
    def identity(self) -> str:
        return self.party.suite.url("identity")

    def app(self) -> Starlette:
        async def page(request: Request) -> Response:
            self.asked.append({"path": request.url.path, **request.query_params})
            return PlainTextResponse("here")

        async def watching(request: Request) -> Response:
            return HTMLResponse(WATCHING.format(frame=f"{self.identity}/oauth2/session", origin=self.identity))

        return Starlette(routes=[Route("/watching", watching), Route("/{any:path}", page)])

    def came(self, path: str) -> list[dict[str, str]]:
        """With what its page was asked for."""
        return [
            {name: value for name, value in one.items() if name != "path"} for one in self.asked if one["path"] == path
        ]


@pytest_asyncio.fixture
async def shop(parties: Parties) -> AsyncIterator[Shop]:
    site, port = free_site()
    party = await parties(
        redirect_uris=[f"{site}/callback"],
        post_logout_redirect_uris=[f"{site}/out"],
        frontchannel_logout_uri=f"{site}/frame",
        frontchannel_logout_session_required=True,
    )
    made = Shop(site, party)
    async with serving(made.app(), port):
        yield made


@pytest_asyncio.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program("chromium"))
        yield await (await browser.new_context()).new_page()
        await browser.close()


async def enter(page: Page, shop: Shop, person: Person) -> dict[str, str]:
    await page.goto(shop.party.asking())
    await page.fill("input[name=username]", person.username)
    await page.fill("input[name=password]", person.password)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{shop.site}/callback?*")
    (said,) = shop.came("/callback")
    return said


async def test_the_page_shows_the_application_its_frame_and_goes_on_by_itself(
    page: Page, shop: Shop, person: Person
) -> None:
    complaints: list[str] = []
    page.on("console", lambda one: complaints.append(one.text) if one.type in ("error", "warning") else None)
    said = await enter(page, shop, person)
    tokens = (await shop.party.redeem(said["code"])).json()
    asked = f"id_token_hint={tokens['id_token']}&post_logout_redirect_uri={shop.site}/out&state=bye"
    await page.goto(f"{shop.identity}/oauth2/logout?{asked}")
    await page.wait_for_url(f"{shop.site}/out?state=bye")
    (framed,) = shop.came("/frame")
    assert framed["iss"] == shop.party.issuer
    assert framed["sid"].startswith("ses_")
    assert shop.came("/out") == [{"state": "bye"}]
    assert not [one for one in complaints if "404" not in one]


async def test_an_application_sees_in_its_frame_that_the_state_has_changed(
    page: Page, shop: Shop, person: Person
) -> None:
    said = await enter(page, shop, person)
    watching = await page.context.new_page()
    await watching.goto(f"{shop.site}/watching")

    async def answered(state: str) -> str:
        await watching.evaluate(
            "([client, state]) => { said = []; ask(client, state); }", [shop.party.client.client_id, state]
        )
        await watching.wait_for_function("() => said.length > 0")
        word: str = await watching.evaluate("() => said[0]")
        return word

    assert await answered(said["session_state"]) == "unchanged"
    assert await answered("nonsense") == "error"
    await page.goto(f"{shop.identity}/oauth2/logout")
    await page.click("button[name=decision][value=signout]")
    await page.wait_for_selector("h1")
    assert await answered(said["session_state"]) == "changed"


async def test_no_other_page_of_ours_can_be_framed(page: Page, shop: Shop) -> None:
    await page.goto(f"{shop.site}/elsewhere")
    for path in ("/account", "/oauth2/logout", "/oauth2/authorize"):
        await page.evaluate(
            "(url) => { document.body.innerHTML = ''; const frame = document.createElement('iframe');"
            " frame.src = url; document.body.append(frame);"
            " return new Promise((done) => { frame.onload = done; setTimeout(done, 3000); }); }",
            f"{shop.identity}{path}",
        )
        (frame,) = page.frames[1:]
        assert frame.url.startswith("chrome-error://"), frame.url
