"""In a browser of people's: Debian's Chromium, led by Playwright. It has nothing to complain of, and axe neither."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Request, Route, async_playwright

from tests.harness.people import Person
from tests.oidc.conftest import Parties
from tests.oidc.party import Party
from tests.oidc.programs import AXE, program
from tests.oidc.served import free_site, serving
from tests.oidc.test_authlib import application

Chromium = Browser
SERIOUS = ("serious", "critical")


@pytest_asyncio.fixture
async def chromium() -> AsyncIterator[Chromium]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program("chromium"))
        yield browser
        await browser.close()


@pytest_asyncio.fixture
async def sites(parties: Parties) -> AsyncIterator[list[tuple[str, Party]]]:
    """Two applications on the web, each with the address of its front page."""
    async with AsyncExitStack() as stack:
        found = []
        for name in ("First app", "Second app"):
            site, port = free_site()
            back = {"redirect_uris": [f"{site}/callback"], "post_logout_redirect_uris": [f"{site}/callback/out"]}
            app = await parties(name=name, ask_consent=True, **back)
            await stack.enter_async_context(serving(application(app), port))
            found.append((site, app))
        yield found


def listened(page: Page) -> list[str]:
    """What the browser complains of: a policy that was broken, a script that failed."""
    said: list[str] = []
    page.on("console", lambda one: said.append(one.text) if one.type in ("error", "warning") else None)
    page.on("pageerror", lambda one: said.append(str(one)))
    return said


async def sign_in(page: Page, person: Person) -> None:
    """By keyboard: the first field has the focus."""
    await page.keyboard.type(person.username)
    await page.keyboard.press("Tab")
    await page.keyboard.type(person.password)
    await page.keyboard.press("Enter")


async def received(page: Page, app: Party) -> list[Request]:
    """What comes to an application that is nowhere."""
    came: list[Request] = []

    async def take(route: Route) -> None:
        came.append(route.request)
        await route.fulfill(body="here")

    await page.route(f"{app.back}**", take)
    return came


async def found_by_axe(page: Page) -> list[str]:
    """What axe calls serious of a page. Its script comes by the debugger: the page's policy allows none."""
    await page.evaluate(AXE.read_text())
    result: dict[str, Any] = await page.evaluate("() => axe.run()")
    assert result["passes"], "axe looked at nothing"
    wrong = [one for one in result["violations"] if one["impact"] in SERIOUS]
    return [f"{one['id']}: {node['html'][:120]}" for one in wrong for node in one["nodes"]]


async def test_sign_in_once_enter_two_applications_and_leave(
    chromium: Chromium, sites: list[tuple[str, Party]], person: Person
) -> None:
    (first, _), (second, _) = sites
    page = await chromium.new_page()
    complaints = listened(page)
    await page.goto(f"{first}/login")
    await sign_in(page, person)
    await page.click("button[name=decision][value=allow]")
    await page.wait_for_url(f"{first}/callback?*")
    assert person.account_id in await page.content()
    await page.goto(f"{first}/later")
    assert person.account_id in await page.content(), "refreshed"

    await page.goto(f"{second}/login")
    assert await page.locator("input[name=password]").count() == 0, "nobody asks for the password again"
    await page.click("button[name=decision][value=allow]")
    await page.wait_for_url(f"{second}/callback?*")
    await page.goto(f"{first}/login")
    assert page.url.startswith(f"{first}/callback?"), "and nobody is asked at all"

    await page.goto(f"{second}/logout")
    assert page.url.startswith(f"{second}/callback/out?")
    for site in (first, second):
        await page.goto(f"{site}/login")
        assert await page.locator("input[name=password]").count() == 1
    # What is not the suite's: the applications have no icon, and no page to sign out to.
    assert not [one for one in complaints if "404" not in one]


async def test_form_post_goes_on_by_itself(chromium: Chromium, app: Party, person: Person) -> None:
    page = await chromium.new_page()
    complaints, posted = listened(page), await received(page, app)
    await page.goto(app.asking(response_mode="form_post"))
    await sign_in(page, person)
    await page.wait_for_url(app.back)
    (request,) = posted
    assert (request.method, request.url) == ("POST", app.back)
    assert "code=" in (request.post_data or "")
    assert complaints == []


async def test_without_javascript(chromium: Chromium, app: Party, person: Person) -> None:
    """A screen that runs no script works end to end; where an answer is posted, there is a button for it."""
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    posted = await received(page, app)
    await page.goto(app.asking(response_mode="form_post", prompt="consent"))
    await page.fill("input[name=username]", person.username)
    await page.fill("input[name=password]", person.password)
    await page.click("button.primary")
    await page.click("button[name=decision][value=allow]")
    await page.click("button.primary")
    await page.wait_for_url(app.back)
    (request,) = posted
    assert "code=" in (request.post_data or "")
    await page.goto(f"{app.suite.url('identity')}/oauth2/logout")
    await page.click("button[name=decision][value=signout]")
    assert await page.locator("form").count() == 0
    await page.goto(app.asking())
    assert await page.locator("input[name=password]").count() == 1


LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light"},
    "dark, on a phone": {"color_scheme": "dark", "viewport": {"width": 360, "height": 640}, "locale": "de-DE"},
}


@pytest.mark.parametrize("look", LOOKS)
async def test_axe_finds_nothing_serious(chromium: Chromium, app: Party, person: Person, look: str) -> None:
    context: BrowserContext = await chromium.new_context(**LOOKS[look])
    page = await context.new_page()
    complaints, seen = listened(page), {}

    async def look_at(what: str) -> None:
        seen[what] = await found_by_axe(page)
        width = await page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
        if width > 0:
            seen[what].append(f"{width} pixels too wide")

    await page.goto(app.asking(prompt="consent"))
    await look_at("sign in")
    await sign_in(page, Person(person.username, "wrong", ""))
    await page.wait_for_selector(".problem")
    await look_at("sign in, wrong")
    await page.fill("input[name=password]", person.password)
    await page.keyboard.press("Enter")
    await page.wait_for_selector("button[name=decision][value=allow]")
    await look_at("consent")
    await page.goto(app.asking(prompt="select_account"))
    await look_at("choose")
    await page.goto(app.asking(prompt="login"))
    await look_at("sign in again")
    await page.goto(app.asking(redirect_uri="https://evil.example/"))
    await look_at("error")
    identity = app.suite.url("identity")
    for path in ("account", "device"):
        await page.goto(f"{identity}/{path}")
        await look_at(path)
    await page.goto(f"{identity}/oauth2/logout?client_id={app.client.client_id}")
    await look_at("sign out")
    await page.click("button[name=decision][value=signout]")
    await look_at("signed out")
    assert {what: wrong for what, wrong in seen.items() if wrong} == {}
    # Chromium tells of every answer that is an error.
    assert not [one for one in complaints if "status of 4" not in one]
