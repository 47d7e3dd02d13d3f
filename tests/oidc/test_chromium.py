"""In a browser of people's: Debian's Chromium, led by Playwright. It has nothing to complain of, and axe neither."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, Request, Route

from tests.harness.people import Person
from tests.oidc.chromium import LOOKS, Chromium, arrives, chromium, listened, looked_at, sign_in
from tests.oidc.conftest import Parties
from tests.oidc.party import Party
from tests.oidc.served import free_site, serving
from tests.oidc.test_authlib import application

__all__ = ["chromium"]


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


async def received(page: Page, app: Party) -> list[Request]:
    """What comes to an application that is nowhere."""
    came: list[Request] = []

    async def take(route: Route) -> None:
        came.append(route.request)
        await route.fulfill(body="here")

    await page.route(f"{app.back}**", take)
    return came


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
    await arrives(page, app.back)
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
    await arrives(page, app.back)
    (request,) = posted
    assert "code=" in (request.post_data or "")
    await page.goto(f"{app.suite.url('identity')}/oauth2/logout")
    await page.click("button[name=decision][value=signout]")
    assert await page.locator("form").count() == 0
    await page.goto(app.asking())
    assert await page.locator("input[name=password]").count() == 1


@pytest.mark.parametrize("look", LOOKS)
async def test_axe_finds_nothing_serious(chromium: Chromium, app: Party, person: Person, look: str) -> None:
    context: BrowserContext = await chromium.new_context(**LOOKS[look])
    page = await context.new_page()
    complaints, seen = listened(page), {}

    async def look_at(what: str) -> None:
        seen[what] = await looked_at(page)

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
