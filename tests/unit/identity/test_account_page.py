"""/account as a person with a plain browser meets it: where they are signed in, and what applications may have."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from eventlog.projection import Put
from services.identity.commands.sessions import csrf_token
from services.identity.pages.agents import device
from tests.harness.browsing import Browser, Page
from tests.unit.identity.house import OTHER_PASSWORD, House
from tests.unit.identity.reception import Reception, reception_of, sign_in

EVERYWHERE = ("out", "all")
SESSION = "watchword_session"


@pytest_asyncio.fixture
async def reception(house: House) -> Reception:
    await house.register()
    return reception_of(house)


@pytest_asyncio.fixture
async def browser(reception: Reception) -> AsyncIterator[Browser]:
    async with reception.browser() as one:
        yield one


async def entered(browser: Browser) -> Page:
    page = await sign_in(browser, await browser.open("/account"))
    assert page.title == "Your account · Example Ltd"
    return page


def session_of(browser: Browser) -> str:
    return browser.http.cookies[SESSION].partition(".")[0]


async def test_a_person_signs_in_without_any_application(reception: Reception, browser: Browser) -> None:
    page = await browser.open("/account")
    assert page.title == "Sign in · Example Ltd"
    wrong = await sign_in(browser, page, OTHER_PASSWORD)
    assert (wrong.response.status_code, wrong.form.fields["username"]) == (422, "alice")
    page = await sign_in(browser, wrong)
    assert "You are signed in as alice." in page.text
    assert "this one" in page.text


async def test_a_person_ends_one_session_or_all(reception: Reception, browser: Browser) -> None:
    await entered(browser)
    async with reception.browser() as other:
        await entered(other)
        theirs = session_of(other)
        page = await browser.submit(await browser.open("/account"), ("end", theirs))
        assert ("end", theirs) not in page.form.buttons
        assert (await other.open("/account")).title.startswith("Sign in")
        await entered(other)
        page = await browser.submit(await browser.open("/account"), EVERYWHERE)
        assert page.title.startswith("Sign in")
        assert (await other.open("/account")).title.startswith("Sign in")
    assert SESSION not in browser.http.cookies


async def test_a_person_ends_the_session_that_they_are_in(reception: Reception, browser: Browser) -> None:
    page = await entered(browser)
    assert (await browser.submit(page, ("end", session_of(browser)))).title.startswith("Sign in")


async def test_nobody_ends_what_is_anothers(reception: Reception, browser: Browser) -> None:
    await reception.house.register("bob")
    bobs = (await reception.house.log_in("bob")).session_id
    page = await entered(browser)
    page.form.buttons.add(("end", bobs))
    assert (await browser.submit(page, ("end", bobs))).title.startswith("Your account")
    assert bobs not in reception.house.token.ended


@pytest.mark.parametrize("form", ["", "x", "ä"])
async def test_a_form_that_is_not_ours_does_nothing(reception: Reception, browser: Browser, form: str) -> None:
    page = await browser.open("/account")
    again = await browser.submit(page, form=form, username="alice", password="x")
    assert "This page was no longer up to date" in again.text
    page = await entered(browser)
    again = await browser.submit(page, ("end", session_of(browser)), form=form)
    assert "This page was no longer up to date" in again.text
    assert (await browser.open("/account")).title.startswith("Your account")


async def test_a_form_of_another_site_is_not_read(reception: Reception, browser: Browser) -> None:
    page = await entered(browser)
    sent = page.form.fields | {"out": "all"}
    refused = await browser.http.post("/account", data=sent, headers={"Origin": "https://evil.example"})
    assert refused.status_code == 403
    assert (await browser.open("/account")).title.startswith("Your account")


async def test_applications_and_warnings_are_shown_to_their_owner_alone(reception: Reception, browser: Browser) -> None:
    alice, bob = (await reception.house.log_in()).account_id, await reception.house.register("bob")
    since, told = "2026-09-21T10:00:00.000000Z", reception.house.told
    told.apply(Put("client", "one", {"direct_login": False, "name": "An App"}))
    for account, client in ((alice, "one"), (bob, "bobs")):
        grant = {"client_id": client, "scopes": ["openid", "email"], "since": since}
        told.apply(Put("grant", f"{account}/{client}", grant, belongs=account))
    notice = {"code": "refresh_reuse_detected", "at": since, "client_id": "one", "session_id": None}
    told.apply(Put("notice", "1", notice, belongs=alice))
    page = await entered(browser)
    for said in ("An App", "See your e-mail address", "2026-09-21 10:00 UTC", "as a thief would"):
        assert said in page.text
    assert "bobs" not in page.text


def allowed(reception: Reception, account_id: str, client_id: str = "one") -> None:
    grant = {"client_id": client_id, "scopes": ["openid"], "since": "2026-09-21T10:00:00.000000Z"}
    reception.house.told.apply(Put("client", client_id, {"direct_login": False, "name": client_id}))
    reception.house.told.apply(Put("grant", f"{account_id}/{client_id}", grant, belongs=account_id))


async def test_a_person_takes_back_what_they_have_allowed(reception: Reception, browser: Browser) -> None:
    alice = (await reception.house.log_in()).account_id
    for client_id in ("one", "two"):
        allowed(reception, alice, client_id)
    page = await browser.submit(await entered(browser), ("take", "one"))
    assert ("take", "one") not in page.form.buttons
    assert ("take", "two") in page.form.buttons
    page.form.buttons.add(("take", "one"))
    again = await browser.submit(page, ("take", "one"))
    assert again.title.startswith("Your account"), "what is gone already is no error"


async def test_what_cannot_be_taken_back_now_is_said_to_stand(reception: Reception, browser: Browser) -> None:
    alice = (await reception.house.log_in()).account_id
    allowed(reception, alice)
    page = await entered(browser)
    reception.house.token.answers = False
    refused = await browser.submit(page, ("take", "one"))
    assert (refused.response.status_code, refused.response.headers["retry-after"]) == (503, "1")
    reception.house.token.answers = True
    assert ("take", "one") in (await browser.open("/account")).form.buttons


async def test_it_is_listed_and_taken_back_over_rest_by_whose_it_is(reception: Reception, browser: Browser) -> None:
    alice, bob = (await reception.house.log_in()).account_id, await reception.house.register("bob")
    for account_id in (alice, bob):
        allowed(reception, account_id)
    await entered(browser)
    listed = (await browser.http.get("/v1/grants")).json()["grants"]
    assert [(one["client_id"], one["scopes"]) for one in listed] == [("one", ["openid"])]
    refused = await browser.http.delete("/v1/grants/one")
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_token_invalid")
    headers = {"X-CSRF-Token": await csrf_token(reception.house.identity.log, session_of(browser))}
    taken = await browser.http.delete("/v1/grants/one", headers=headers)
    assert (taken.status_code, taken.json()) == (200, {"applied": True})
    assert taken.headers["watchword-position"] == "token=4711"
    assert (await browser.http.get("/v1/grants")).json() == {"grants": []}
    for nothing in ("one", "%F0%9F%92%A9", "x" * 4000):
        unknown = await browser.http.delete(f"/v1/grants/{nothing}", headers=headers)
        assert (unknown.status_code, unknown.json()["code"]) == (404, "grant_unknown")
    assert reception.house.told.get("grant", f"{bob}/one") is not None
    browser.http.cookies.clear()
    assert (await browser.http.get("/v1/grants")).status_code == 401


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox, Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
            "Edge, Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Version/17.5 Safari/604.1",
            "Safari, iPhone",
        ),
        ("curl/8.5.0", "curl/8.5.0"),
        ("", ""),
    ],
)
def test_a_device_is_called_what_people_call_it(agent: str, said: str) -> None:
    assert device(agent) == said
