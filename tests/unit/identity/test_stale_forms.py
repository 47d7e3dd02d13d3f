"""People who come back late, by another way or with an old form: they are helped or led on, and nothing is done."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.harness.browsing import Browser, read
from tests.unit.identity.house import PASSWORD, House
from tests.unit.identity.reception import ORIGIN, PUBLIC, Reception, answer, reception_of, sign_in
from tests.unit.identity.small_authorizations import App

DENY = ("decision", "deny")
ALLOW, GOING_ON = ("decision", "allow"), ("decision", "continue")
FLOW, SESSION = "watchword_flow_", "watchword_session"
STALE = "This page was no longer up to date, so nothing was done."


@pytest_asyncio.fixture
async def reception(house: House) -> Reception:
    await house.register()
    await house.register("bob")
    return reception_of(house)


@pytest_asyncio.fixture
async def browser(reception: Reception) -> AsyncIterator[Browser]:
    async with reception.browser() as one:
        yield one


def flows(browser: Browser) -> list[str]:
    return [cookie.name for cookie in browser.http.cookies.jar if FLOW in cookie.name]


async def test_who_comes_back_after_the_end_is_told_that_it_is_over(reception: Reception, browser: Browser) -> None:
    page = await sign_in(browser, await browser.open(reception.asking()))
    await browser.submit(page, ALLOW)
    for late in (await browser.open(page.url), await browser.submit(page, DENY)):
        assert (late.response.status_code, late.title) == (400, "This sign-in is over · Example Ltd")
        assert "start again" in late.text
        assert late.response.headers["x-correlation-id"] in late.text
    assert len(reception.token.given) == 1


async def test_who_waited_too_long_is_told_so_and_need_not_sign_in_again(
    reception: Reception, browser: Browser
) -> None:
    page = await browser.open(reception.asking())
    reception.token.kept.clear()
    assert (await sign_in(browser, page)).title.startswith("This sign-in is over")
    assert (await browser.open(reception.asking())).title.startswith("Allow")


async def test_a_button_clicked_twice_does_what_it_does_once(reception: Reception, browser: Browser) -> None:
    """Browsers drop the answer to the first click, its cookies perhaps as well, and show that to the second."""
    reception.token.apps["one"] = App(asks=False)
    page = await browser.open(reception.asking())
    sent = page.form.fields | {"username": "alice", "password": PASSWORD}
    answers = await asyncio.gather(*(browser.http.post(page.form.action, data=sent) for _ in range(3)))
    answers.append(await browser.http.post(page.form.action, data=sent))
    assert {(one.status_code, one.headers["location"]) for one in answers} == {(303, answers[0].headers["location"])}
    assert len({one.headers.get("set-cookie") for one in answers}) == 1
    assert (await reception.house.names_of_events()).count("session.started") == 1
    assert len(reception.token.given) == 1


async def test_whoever_tries_again_after_a_refusal_is_heard(reception: Reception, browser: Browser) -> None:
    page = await browser.open(reception.asking())
    reception.house.token.answers = False
    assert (await sign_in(browser, page)).response.status_code == 503
    reception.house.token.answers = True
    assert (await sign_in(browser, page)).title.startswith("Allow")


async def test_without_the_cookie_the_person_is_told_what_to_do(reception: Reception, browser: Browser) -> None:
    page = await browser.open(reception.asking())
    async with reception.browser() as other:
        elsewhere = await other.open(page.url)
        assert (elsewhere.response.status_code, elsewhere.title[:27]) == (400, "Your browser did not bring ")
        assert "Allow cookies" in elsewhere.text
        assert (await sign_in(other, page)).title == elsewhere.title
        assert SESSION not in other.http.cookies


async def test_a_form_of_another_way_does_nothing(reception: Reception, browser: Browser) -> None:
    one, two = await browser.open(reception.asking()), await browser.open(reception.asking())
    for form in (one.form.fields["form"], "", "x", "ä"):
        page = await browser.submit(two, form=form, username="alice", password="whatever")
        assert STALE in page.text
        assert page.form.fields["form"] == two.form.fields["form"]
    assert await reception.house.names_of_events(after=4) == []


async def test_consent_is_given_by_the_one_who_was_asked(reception: Reception, browser: Browser) -> None:
    asked = await sign_in(browser, await browser.open(reception.asking()))
    await sign_in(browser, await browser.open(reception.asking(prompt="login")), username="bob")
    page = await browser.submit(asked, ALLOW)
    assert STALE in page.text
    assert "You are signed in as bob." in page.text
    assert reception.token.given == []
    assert "code" in answer(await browser.submit(page, ALLOW))


async def test_a_choice_is_made_by_the_one_who_was_shown(reception: Reception, browser: Browser) -> None:
    await browser.submit(await sign_in(browser, await browser.open(reception.asking())), ALLOW)
    shown = await browser.open(reception.asking(prompt="select_account"))
    await sign_in(browser, await browser.open(reception.asking(prompt="login")), username="bob")
    page = await browser.submit(shown, GOING_ON)
    assert "Go on as bob" in page.response.text
    assert len(reception.token.given) == 1


async def test_who_signed_in_meanwhile_in_another_tab_is_led_on(reception: Reception, browser: Browser) -> None:
    reception.token.apps["one"] = App(asks=False)
    one, two = await browser.open(reception.asking()), await browser.open(reception.asking())
    assert "code" in answer(await sign_in(browser, one))
    assert "code" in answer(await browser.open(two.url))


@pytest.mark.parametrize(
    "foreign",
    [
        {"Origin": "https://evil.example"},
        {"Origin": f"{ORIGIN}.evil.example"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_a_form_of_another_site_is_not_read(
    reception: Reception, browser: Browser, foreign: dict[str, str]
) -> None:
    page = await browser.open(reception.asking())
    sent = page.form.fields | {"username": "alice", "password": PASSWORD}
    refused = read(await browser.http.post(page.form.action, data=sent, headers=foreign))
    assert (refused.response.status_code, refused.title[:14]) == (403, "This form came")
    assert SESSION not in browser.http.cookies


async def test_a_browser_that_says_same_origin_need_not_say_which(reception: Reception, browser: Browser) -> None:
    page = await browser.open(reception.asking())
    sent = page.form.fields | {"username": "alice", "password": PASSWORD}
    own = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
    assert (await browser.http.post(page.form.action, data=sent, headers=own)).status_code == 303


@pytest.mark.parametrize("url", ["http://localhost:8401", "http://192.168.1.20:8401", "http://nas.local:8401"])
async def test_any_name_of_this_machine_works(house: House, url: str) -> None:
    await house.register()
    reception = reception_of(house, url=url)
    async with reception.browser() as browser:
        page = await sign_in(browser, await browser.open(reception.asking()))
        assert "code" in answer(await browser.submit(page, ALLOW))


async def test_at_another_address_than_the_one_that_is_set_the_page_says_which_setting(house: House) -> None:
    await house.register()
    reception = reception_of(house, public_url=PUBLIC, url="http://192.168.1.20:8401")
    async with reception.browser() as browser:
        page = await browser.open(reception.asking())
        assert page.response.status_code == 400
        for said in ("192.168.1.20:8401", PUBLIC, "WATCHWORD_IDENTITY_PUBLIC_URL"):
            assert said in page.text


async def test_under_https_cookies_are_for_this_host_and_tls_alone(house: House) -> None:
    await house.register()
    reception = reception_of(house, public_url=PUBLIC, url=PUBLIC)
    async with reception.browser() as browser:
        begun = await browser.http.get(reception.asking())
        page = await sign_in(browser, await browser.open(begun.headers["location"]))
        assert "code" in answer(await browser.submit(page, ALLOW))
        given = begun.headers.get_list("set-cookie") + page.response.headers.get_list("set-cookie")
        assert len(given) == 2
        for cookie in given:
            assert cookie.startswith(f"__Host-{FLOW}")
            for attribute in ("HttpOnly", "SameSite=lax", "Secure", "Path=/"):
                assert attribute in cookie
        assert f"__Host-{SESSION}" in browser.http.cookies


async def test_a_browser_keeps_few_ways_and_the_oldest_makes_room(reception: Reception, browser: Browser) -> None:
    pages = [await browser.open(reception.asking(state=str(number))) for number in range(12)]
    assert {flow.removeprefix(FLOW) for flow in flows(browser)} == {page.url[-12:] for page in pages[-8:]}
    assert (await browser.open(pages[-1].url)).title.startswith("Sign in")
    assert (await browser.open(pages[0].url)).title.startswith("Your browser did not bring its cookie")


async def test_what_is_in_an_address_opens_nothing(reception: Reception, browser: Browser) -> None:
    page = await browser.open(reception.asking())
    (handle,) = reception.token.kept
    assert handle not in page.url
    assert handle not in page.response.text
    page = await sign_in(browser, page)
    assert handle not in page.response.text
    assert browser.http.cookies[SESSION].partition(".")[2] not in page.response.text


async def test_a_form_that_says_nothing_known_does_nothing(reception: Reception, browser: Browser) -> None:
    page = await browser.open(reception.asking())
    for nonsense in ({"page": "no-such-page"}, {"page": ""}):
        assert STALE in (await browser.submit(page, **nonsense)).text
    page = await sign_in(browser, page)
    page.form.buttons.add(("decision", "perhaps"))
    assert STALE in (await browser.submit(page, ("decision", "perhaps"))).text
    assert reception.token.given == []
    repeated = read(await browser.http.post(page.form.action, content="page=consent&page=signin", headers=FORM))
    assert repeated.response.status_code == 400


FORM = {"Content-Type": "application/x-www-form-urlencoded"}
