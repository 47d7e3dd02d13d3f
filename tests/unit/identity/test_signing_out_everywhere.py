"""Signing out is shown to the session's applications, in frames (OpenID Connect Front-Channel Logout 1.0)."""

from collections.abc import AsyncIterator
from urllib.parse import urlencode

import pytest
import pytest_asyncio

from services.identity.pages.rendering import LEAVE
from tests.harness.browsing import Browser, Page
from tests.unit.identity.house import House
from tests.unit.identity.reception import Reception, answer, reception_of, sign_in
from tests.unit.identity.small_authorizations import OUT, App

SESSION = "watchword_session"
SHOP = "https://shop.example/out?iss=https%3A%2F%2Fid.example&sid=ses_1"
DIARY = "https://diary.example:8443/out"


@pytest_asyncio.fixture
async def reception(house: House) -> Reception:
    await house.register()
    made = reception_of(house)
    made.token.apps["one"] = App(asks=False)
    return made


@pytest_asyncio.fixture
async def browser(reception: Reception) -> AsyncIterator[Browser]:
    async with reception.browser() as one:
        answer(await sign_in(one, await one.open(reception.asking())))
        session_id = one.http.cookies[SESSION].partition(".")[0]
        reception.token.hints["mine"] = (session_id, "acc")
        reception.token.pages[session_id] = (SHOP, DIARY)
        yield one


async def leave(browser: Browser, **more: str) -> Page:
    return await browser.open(f"/oauth2/logout?{urlencode({'id_token_hint': 'mine', 'client_id': 'one'} | more)}")


def frames(page: Page) -> list[str]:
    return [attributes["src"] for tag, attributes in page.attributes if tag == "iframe"]


def policy(page: Page) -> dict[str, str]:
    said = page.response.headers["content-security-policy"].split("; ")
    return dict(directive.split(" ", 1) for directive in said)


async def test_the_page_frames_their_pages_and_no_others(reception: Reception, browser: Browser) -> None:
    page = await leave(browser)
    assert page.title.startswith("You are signed out")
    assert frames(page) == [SHOP, DIARY]
    assert policy(page)["frame-src"] == "https://shop.example https://diary.example:8443"
    assert policy(page)["frame-ancestors"] == "'none'"
    assert page.response.headers["x-frame-options"] == "DENY"
    assert "script-src" not in policy(page)
    assert SESSION not in browser.http.cookies


async def test_it_leads_on_by_a_link_and_by_itself_once_the_frames_have_loaded(browser: Browser) -> None:
    page = await leave(browser, post_logout_redirect_uri=OUT, state="a b")
    assert page.response.status_code == 200
    assert page.links == {"Go on to An App": f"{OUT}?state=a%20b"}
    assert LEAVE in page.response.text
    assert "script-src" in policy(page)


async def test_where_nobody_wants_to_be_shown_anything_it_goes_back_at_once(
    reception: Reception, browser: Browser
) -> None:
    reception.token.pages.clear()
    assert (await leave(browser, post_logout_redirect_uri=OUT)).left == OUT


@pytest.mark.parametrize("page", ["javascript:alert(1)", "data:text/html,x", "/oauth2/authorize"])
async def test_only_pages_of_the_web_are_framed(reception: Reception, browser: Browser, page: str) -> None:
    reception.token.pages = dict.fromkeys(reception.token.pages, (page, SHOP))
    shown = await leave(browser)
    assert frames(shown) == [SHOP]
    assert policy(shown)["frame-src"] == "https://shop.example"


async def test_leaving_by_ones_own_page_shows_them_too(browser: Browser) -> None:
    page = await browser.open("/account")
    session_id = browser.http.cookies[SESSION].partition(".")[0]
    page = await browser.submit(page, ("end", session_id))
    assert page.title.startswith("You are signed out")
    assert frames(page) == [SHOP, DIARY]
    assert SESSION not in browser.http.cookies


async def test_whoever_is_asked_first_sees_them_afterwards(browser: Browser) -> None:
    page = await browser.open("/oauth2/logout?client_id=one")
    page = await browser.submit(page, ("decision", "signout"))
    assert frames(page) == [SHOP, DIARY]
