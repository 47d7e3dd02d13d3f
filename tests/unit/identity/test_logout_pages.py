"""/oauth2/logout as a person with a plain browser meets it (OpenID Connect RP-Initiated Logout 1.0)."""

from collections.abc import AsyncIterator
from urllib.parse import urlencode

import pytest
import pytest_asyncio

from tests.harness.browsing import Browser, Page, read
from tests.unit.identity.house import PASSWORD, House
from tests.unit.identity.reception import Reception, answer, reception_of, sign_in
from tests.unit.identity.small_authorizations import OUT

SESSION = "watchword_session"
OUT_OF, STAY = ("decision", "signout"), ("decision", "stay")


@pytest_asyncio.fixture
async def reception(house: House) -> Reception:
    await house.register()
    made = reception_of(house)
    made.token.apps["one"] = type(made.token.apps["one"])(asks=False)
    return made


@pytest_asyncio.fixture
async def browser(reception: Reception) -> AsyncIterator[Browser]:
    async with reception.browser() as one:
        answer(await sign_in(one, await one.open(reception.asking())))
        yield one


def leaving(**asked: str) -> str:
    return f"/oauth2/logout?{urlencode(asked)}"


def session_of(browser: Browser) -> str:
    return browser.http.cookies[SESSION].partition(".")[0]


async def signed_in(reception: Reception, browser: Browser) -> bool:
    return "code" in answer(await browser.open(reception.asking(prompt="none")))


async def test_a_fitting_hint_signs_out_at_once_and_goes_back(reception: Reception, browser: Browser) -> None:
    session = session_of(browser)
    reception.token.hints["of-this-session"] = (session, "acc")
    url = leaving(id_token_hint="of-this-session", post_logout_redirect_uri=OUT, state="s 9")
    assert (await browser.open(url)).left == f"{OUT}?state=s%209"
    assert session in reception.house.token.ended
    assert SESSION not in browser.http.cookies
    assert not await signed_in(reception, browser)


@pytest.mark.parametrize("hinted", [False, True])
async def test_without_one_the_person_is_asked(reception: Reception, browser: Browser, hinted: bool) -> None:
    reception.token.hints["of-another-session"] = ("ses_another", "acc")
    hint = {"id_token_hint": "of-another-session"} if hinted else {}
    page = await browser.open(leaving(client_id="one", post_logout_redirect_uri=OUT, **hint))
    assert page.title.startswith("Sign out?")
    assert "An App asks to sign you out." in page.text
    assert "alice" in page.text
    assert await signed_in(reception, browser)
    assert (await browser.submit(page, OUT_OF)).left == OUT
    assert not await signed_in(reception, browser)


async def test_a_person_may_stay(reception: Reception, browser: Browser) -> None:
    page = await browser.submit(await browser.open(leaving(post_logout_redirect_uri=OUT)), STAY)
    assert page.title.startswith("You are still signed in")
    assert await signed_in(reception, browser)


async def test_without_an_address_it_ends_on_a_page(reception: Reception, browser: Browser) -> None:
    page = await browser.submit(await browser.open("/oauth2/logout"), OUT_OF)
    assert page.title.startswith("You are signed out")
    assert page.response.status_code == 200


async def test_who_is_signed_out_already_is_not_asked(reception: Reception, browser: Browser) -> None:
    await browser.submit(await browser.open("/oauth2/logout"), OUT_OF)
    assert (await browser.open(leaving(post_logout_redirect_uri=OUT, state="x"))).left == f"{OUT}?state=x"
    assert (await browser.open("/oauth2/logout")).title.startswith("You are signed out")


async def test_what_is_not_registered_is_no_address_to_go_to(reception: Reception, browser: Browser) -> None:
    for asked in ({"post_logout_redirect_uri": "https://evil.example/"}, {"id_token_hint": "forged"}):
        page = await browser.open(leaving(**asked))
        assert (page.left, page.response.status_code) == ("", 400)
        assert page.title.startswith("This sign-out request cannot be followed")
        assert page.response.headers["x-correlation-id"] in page.text
    assert await signed_in(reception, browser)


async def test_a_form_of_another_site_signs_nobody_out(reception: Reception, browser: Browser) -> None:
    reception.token.hints["of-this-session"] = (session_of(browser), "acc")
    form = {"post_logout_redirect_uri": OUT}
    first = await browser.http.post("/oauth2/logout", data=form, headers={"Origin": "https://app.example"})
    assert (first.status_code, first.headers["location"]) == (303, "/oauth2/logout/confirm")
    page = await browser.open(first.headers["location"])
    assert page.title.startswith("Sign out?")
    sent = page.form.fields | {"decision": "signout"}
    for foreign in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        refused = read(await browser.http.post("/oauth2/logout/confirm", data=sent, headers=foreign))
        assert (refused.response.status_code, refused.title[:14]) == (403, "This form came")
    assert await signed_in(reception, browser)
    first = await browser.http.post("/oauth2/logout", data=form | {"id_token_hint": "of-this-session"})
    assert (await browser.open(first.headers["location"])).left == OUT


async def test_a_form_that_is_not_up_to_date_signs_nobody_out(reception: Reception, browser: Browser) -> None:
    page: Page = await browser.open("/oauth2/logout")
    await sign_in(browser, await browser.open(reception.asking(prompt="login")), PASSWORD)
    page = await browser.submit(page, OUT_OF)
    assert "This page was no longer up to date, so nothing was done." in page.text
    assert await signed_in(reception, browser)
    assert (await browser.submit(page, OUT_OF)).title.startswith("You are signed out")


async def test_nobody_else_can_have_written_what_was_asked(reception: Reception, browser: Browser) -> None:
    await browser.open(leaving(post_logout_redirect_uri=OUT))
    kept = browser.http.cookies["watchword_signout"]
    browser.http.cookies.set("watchword_signout", kept[:8] + ("A" if kept[8] != "A" else "B") + kept[9:], "127.0.0.1")
    page = await browser.open("/oauth2/logout/confirm")
    assert page.title.startswith("Your browser did not bring its cookie")


async def test_a_request_that_no_cookie_can_hold_is_refused(reception: Reception, browser: Browser) -> None:
    page = await browser.open(leaving(state="x" * 4000, post_logout_redirect_uri=OUT))
    assert (page.response.status_code, "the request is too long" in page.text) == (400, True)
