"""What the headers of a page let it do: nothing but its own style, its logo, and forms that lead where they may."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from services.identity.pages.policy import origin_of, source
from tests.harness.browsing import Browser, Page
from tests.unit.identity.house import House
from tests.unit.identity.reception import Reception, reception_of, sign_in
from tests.unit.identity.small_authorizations import App

PAGES = ["signin", "consent", "choose", "error", "signout", "signedout"]


@pytest_asyncio.fixture
async def reception(house: House) -> Reception:
    await house.register()
    return reception_of(house)


@pytest_asyncio.fixture
async def browser(reception: Reception) -> AsyncIterator[Browser]:
    async with reception.browser() as one:
        yield one


async def shown(reception: Reception, browser: Browser, what: str) -> Page:
    """One of the pages."""
    if what == "error":
        return await browser.open(reception.asking(redirect_uri="https://evil.example/"))
    page = await browser.open(reception.asking())
    if what == "signin":
        return page
    page = await sign_in(browser, page)
    if what == "consent":
        return page
    if what == "choose":
        return await browser.open(reception.asking(prompt="select_account"))
    page = await browser.open("/oauth2/logout")
    return page if what == "signout" else await browser.submit(page, ("decision", "signout"))


@pytest.mark.parametrize("what", PAGES)
async def test_a_page_may_do_next_to_nothing(reception: Reception, browser: Browser, what: str) -> None:
    page = await shown(reception, browser, what)
    headers = page.response.headers
    (said,) = headers.get_list("content-security-policy")
    policy = dict(part.strip().partition(" ")[::2] for part in said.split(";"))
    leads_to = {
        "signin": "'self' https://app.example",
        "choose": "'self' https://app.example",
        "consent": "'self' https://app.example",
        "signout": "'self'",
    }
    assert policy == {
        "default-src": "'none'",
        "style-src": "'self'",
        "img-src": "'self'",
        "form-action": leads_to.get(what, "'none'"),
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }
    assert headers.get_list("x-frame-options") == ["DENY"]
    assert headers.get_list("referrer-policy") == ["same-origin"]
    assert headers.get_list("cache-control") == ["no-store"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "style=" not in page.response.text
    assert "<script" not in page.response.text


@pytest.mark.parametrize("what", PAGES)
async def test_a_page_can_be_used_without_seeing_it(reception: Reception, browser: Browser, what: str) -> None:
    page = await shown(reception, browser, what)
    assert page.language == "en"
    assert [tag for tag, _ in page.attributes].count("h1") == 1
    assert page.has("main")
    assert page.has("meta", name="viewport")
    labelled = {found.get("for") for tag, found in page.attributes if tag == "label"}
    for tag, found in page.attributes:
        if tag == "input" and found.get("type") in ("text", "password"):
            assert found["id"] in labelled
            assert found["autocomplete"]
        if tag == "img":
            assert "alt" in found


async def test_what_an_application_calls_itself_is_text_and_not_more(reception: Reception, browser: Browser) -> None:
    name = "<script>alert(1)</script>\u202e{0.__class__}" + "x" * 300
    links = {"client_uri": "javascript:alert(1)", "policy_uri": "data:text/html,x", "tos_uri": "https://app.example/t"}
    reception.token.apps["one"] = App(name=name, about=links)
    page = await browser.open(reception.asking(login_hint='"><script>', scope='openid "><script>'))
    for one in (page, await sign_in(browser, page)):
        assert "<script" not in one.response.text
        assert "javascript:" not in one.response.text
        assert "x" * 101 not in one.response.text
        assert "Terms of service" in one.links
    assert (await browser.open(page.url)).links.keys() == {"Not you?", "Terms of service"}


def picture(page: Page) -> dict[str, str] | None:
    """The application's; the operator's own has no alternative text."""
    return next((found for tag, found in page.attributes if tag == "img" and found["alt"]), None)


def images(page: Page) -> str:
    """What the policy lets a page show."""
    (said,) = page.response.headers.get_list("content-security-policy")
    (sources,) = [part for part in said.split("; ") if part.startswith("img-src ")]
    return sources.removeprefix("img-src ")


LOGO = "https://cdn.app.example/logo.png?v=2"


@pytest.mark.parametrize("what", ["signin", "consent", "choose"])
async def test_an_applications_logo_is_shown_and_its_origin_alone_may_be_asked(
    reception: Reception, browser: Browser, what: str
) -> None:
    reception.token.apps["one"] = App(name="The <App>", about={"logo_uri": LOGO})
    page = await shown(reception, browser, what)
    found = picture(page)
    assert found is not None
    assert (found["src"], found["alt"], found["referrerpolicy"]) == (LOGO, "Logo of The <App>", "no-referrer")
    assert images(page) == "'self' https://cdn.app.example"


@pytest.mark.parametrize("what", PAGES)
async def test_a_self_registered_applications_logo_is_shown_where_people_decide_on_it_alone(
    reception: Reception, browser: Browser, what: str
) -> None:
    reception.token.apps["one"] = App(about={"logo_uri": LOGO, "self_registered": True})
    page = await shown(reception, browser, what)
    asked = what == "consent"
    assert (picture(page) is not None, images(page)) == (asked, "'self'" + " https://cdn.app.example" * asked)


@pytest.mark.parametrize(
    "uri",
    [
        *("http://app.example/logo.png", "data:image/png;base64,AAAA", "javascript:alert(1)", "//app.example/logo.png"),
        *("https://[2001:db8::1]/logo.png", "https://a.example;img-src/", "https://a@b.example/", ""),
    ],
)
async def test_a_logo_is_https_and_of_an_origin_that_a_policy_can_name(
    reception: Reception, browser: Browser, uri: str
) -> None:
    reception.token.apps["one"] = App(about={"logo_uri": uri})
    page = await shown(reception, browser, "consent")
    assert (picture(page), images(page)) == (None, "'self'")


async def test_a_logo_on_loopback_is_for_those_who_develop(reception: Reception, browser: Browser) -> None:
    reception.token.apps["one"] = App(about={"logo_uri": "http://127.0.0.1:3000/logo.png"})
    assert images(await browser.open(reception.asking())) == "'self' http://127.0.0.1:3000"


async def test_style_and_logo_are_kept_by_browsers_under_addresses_that_change_with_them(
    reception: Reception, browser: Browser, house: House, tmp_path: Path
) -> None:
    page = await browser.open(reception.asking())
    (style,) = (found["href"] for tag, found in page.attributes if tag == "link" and found["rel"] == "stylesheet")
    answer = await browser.http.get(style)
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=86400"
    assert answer.text.startswith(":root{--accent:#1f5c99;--on-accent:#ffffff}")
    again = await browser.http.get(style, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    logo = tmp_path / "logo.png"
    logo.write_bytes(b"\x89PNG of an operator's own")
    other = reception_of(house, logo=logo)
    async with other.browser() as one:
        (image,) = (found["src"] for tag, found in (await one.open(other.asking())).attributes if tag == "img")
        assert image not in page.response.text
        answer = await one.http.get(image)
        assert (answer.headers["content-type"], answer.content) == ("image/png", logo.read_bytes())


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("https://app.example/cb?x=1", "https://app.example"),
        ("http://127.0.0.1:4711/cb", "http://127.0.0.1:4711"),
        ("http://[::1]:4711/cb", "http:"),
        ("https://our_app.example:8443/cb", "https:"),
        ("https://app.example:/cb", "https:"),
        ("com.example.app:/cb", "com.example.app:"),
        ("javascript:alert(1)", ""),
        ("data:text/html,x", ""),
        ("", ""),
        ("https://app.example;script-src *", ""),
        ("https://app.example 'unsafe-inline'/", ""),
    ],
)
def test_a_policy_names_an_address_or_nothing(url: str, wanted: str) -> None:
    assert source(origin_of(url)) == wanted
