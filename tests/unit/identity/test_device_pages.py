"""/device as a person with a plain browser meets it (RFC 8628 3.3, 5.1, 5.4)."""

from collections.abc import AsyncIterator

import pytest

from services.identity.api.device import KEPT
from tests.harness.browsing import Browser, Page, read
from tests.unit.identity.house import House
from tests.unit.identity.reception import ORIGIN, Reception, reception_of, sign_in
from tests.unit.identity.small_devices import CODE

ALLOW, DENY = ("decision", "allow"), ("decision", "deny")
OTHER_CODE = "LMNP-QRST"


@pytest.fixture
async def reception() -> Reception:
    house = House()
    await house.register()
    made = reception_of(house)
    made.devices.wait()
    return made


@pytest.fixture
async def browser(reception: Reception) -> AsyncIterator[Browser]:
    async with reception.browser() as browser:
        yield browser


async def entered(browser: Browser, code: str = CODE) -> Page:
    return await browser.submit(await browser.open("/device"), user_code=code)


async def test_who_signs_in_and_says_yes_connects_the_device(reception: Reception, browser: Browser) -> None:
    page = await entered(browser, "bcdf ghjk")
    assert page.title.startswith("Sign in")
    page = await sign_in(browser, page)
    assert page.title.startswith("Connect The TV?")
    assert CODE in page.text, "RFC 8628 5.4: it is compared with what the device shows"
    assert "You are signed in as alice." in page.text
    assert "Use “films:watch”" in page.text
    assert reception.devices.decided == []
    page = await browser.submit(page, ALLOW)
    assert page.title.startswith("The device is connected")
    (said,) = reception.devices.decided
    assert said.decision is not None
    assert (said.decision.allow, set(said.decision.scopes)) == (True, {"openid", "films:watch"})


async def test_who_is_signed_in_is_asked_at_once_and_only_asked(reception: Reception, browser: Browser) -> None:
    await sign_in(browser, await entered(browser))
    page = await browser.submit(await browser.open(f"/device?user_code={CODE}"))
    assert page.title.startswith("Connect The TV?")
    assert reception.devices.decided == []


async def test_an_address_with_the_code_fills_it_in_and_does_nothing(reception: Reception, browser: Browser) -> None:
    page = await browser.open(f"/device?user_code={CODE}")
    assert page.has("input", name="user_code", value=CODE)
    odd = await browser.open("/device?user_code=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert not odd.has("script")
    assert CODE in reception.devices.waiting


@pytest.mark.parametrize("self_registered", [False, True])
async def test_a_devices_logo_is_shown_where_an_operator_registered_it(
    reception: Reception, browser: Browser, self_registered: bool
) -> None:
    reception.devices.wait(CODE, logo_uri="https://tv.example/logo.png", self_registered=self_registered)
    page = await entered(browser)
    assert not page.has("img", src="https://tv.example/logo.png")
    page = await sign_in(browser, page)
    assert page.has("img", src="https://tv.example/logo.png", alt="Logo of The TV") is not self_registered
    named = "https://tv.example" in page.response.headers["content-security-policy"]
    assert named is not self_registered


async def test_no_is_told_the_device(reception: Reception, browser: Browser) -> None:
    page = await browser.submit(await sign_in(browser, await entered(browser)), DENY)
    assert page.title.startswith("The device is not connected")
    assert [one.decision.allow for one in reception.devices.decided if one.decision] == [False]


async def test_what_is_unticked_is_not_granted(reception: Reception, browser: Browser) -> None:
    page = await sign_in(browser, await entered(browser))
    await browser.submit(page, ALLOW, **{"scope.films:watch": None})
    assert [one.decision.scopes for one in reception.devices.decided if one.decision] == [("openid",)]


@pytest.mark.parametrize("wrong", ["XXXX-XXXX", "nonsense", "X" * 500])
async def test_a_code_that_nothing_waits_for_is_said_to_be_wrong(browser: Browser, wrong: str) -> None:
    page = await entered(browser, wrong)
    assert page.response.status_code == 422
    assert "No device waits for this code." in page.text
    assert page.has("input", name="user_code", **{"aria-invalid": "true"})


async def test_codes_cannot_be_guessed_from_one_address_nor_in_one_session(reception: Reception) -> None:
    async with reception.browser() as guessing:
        pages = [await entered(guessing, f"XXXX-XXX{letter}") for letter in "BCDFGHJ"]
        assert [page.response.status_code for page in pages] == [422] * 5 + [429] * 2
        assert "That was tried too often." in pages[-1].text
        assert int(pages[-1].response.headers["retry-after"]) > 60
        page = await entered(guessing)
        assert page.response.status_code == 429, "not even the right one"
    async with reception.browser(address="198.51.100.9") as elsewhere:
        await sign_in(elsewhere, await entered(elsewhere))
        cookies = dict(elsewhere.http.cookies)
    statuses = []
    for last in range(7):
        async with reception.browser(address=f"203.0.113.{last}") as moving:
            moving.http.cookies.update(cookies)
            statuses.append((await entered(moving, f"XXXX-XX{'BCDFGHJ'[last]}X")).response.status_code)
    assert statuses == [422] * 5 + [429] * 2, "a session's guesses count wherever it is"


async def test_right_codes_are_no_guesses(reception: Reception, browser: Browser) -> None:
    for _ in range(8):
        assert (await entered(browser)).title.startswith("Sign in")


async def test_a_cookie_that_is_not_ours_looks_nothing_up(reception: Reception, browser: Browser) -> None:
    await sign_in(browser, await entered(browser))
    reception.devices.wait(OTHER_CODE)
    _, _, proof = browser.http.cookies[KEPT].partition(".")
    for value in (f"{OTHER_CODE}.{proof}", OTHER_CODE, f"{OTHER_CODE}.", "", "x.y.z"):
        browser.http.cookies.clear()
        answer = await browser.http.get("/device/confirm", headers={"Cookie": f"{KEPT}={value}"})
        assert answer.status_code == 400
        assert "The TV" not in answer.text


async def test_what_another_site_sends_connects_nothing(reception: Reception, browser: Browser) -> None:
    page = await sign_in(browser, await entered(browser))
    sent = page.form.fields | {"decision": "allow"}
    for foreign in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        for path, form in (("/device", {"user_code": CODE}), ("/device/confirm", sent)):
            refused = read(await browser.http.post(path, data=form, headers=foreign))
            assert refused.response.status_code == 403
    own = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
    for form in (sent | {"form": ""}, {"decision": "allow", "page": "connect", "scope.openid": "on"}):
        answer = await browser.http.post("/device/confirm", data=form, headers=own)
        assert answer.headers["location"] == "/device/confirm?stale=1"
    assert reception.devices.decided == []


async def test_a_form_is_for_its_code_and_its_session(reception: Reception, browser: Browser) -> None:
    await reception.house.register("bob")
    reception.devices.wait(OTHER_CODE)
    page = await sign_in(browser, await entered(browser))
    await entered(browser, OTHER_CODE)
    late = await browser.submit(page, ALLOW)
    assert OTHER_CODE in late.text
    assert "no longer up to date" in late.text
    other = await browser.open("/device/confirm?other=1")
    page = await sign_in(browser, other, username="bob")
    assert "You are signed in as bob." in page.text
    assert "no longer up to date" in (await browser.submit(late, ALLOW)).text, "Alice's form, Bob's session"
    assert reception.devices.decided == []


async def test_what_was_decided_elsewhere_is_over(reception: Reception, browser: Browser) -> None:
    page = await sign_in(browser, await entered(browser))
    reception.devices.waiting.clear()
    over = await browser.submit(page, ALLOW)
    assert (over.response.status_code, over.title.startswith("This code is no longer good")) == (400, True)


async def test_a_session_that_token_has_ended_decides_nothing(reception: Reception, browser: Browser) -> None:
    page = await sign_in(browser, await entered(browser))
    account_id = (await reception.house.events())[-1].account_id  # type: ignore[attr-defined]
    session_id = (await reception.house.events())[-1].session_id  # type: ignore[attr-defined]
    await reception.house.token.revoke_session(session_id, "test")
    page = await browser.submit(page, ALLOW)
    assert page.title.startswith("Sign in")
    page = await sign_in(browser, page)
    reception.house.token.revoke_subject(account_id)
    page = await browser.submit(page, ALLOW)
    assert page.response.status_code == 503 or page.title.startswith("Sign in")
    assert reception.devices.decided == []


async def test_a_wrong_password_is_said_and_connects_nothing(reception: Reception, browser: Browser) -> None:
    page = await sign_in(browser, await entered(browser), password="wrong")
    assert page.response.status_code == 422
    assert "Username or password is wrong." in page.text
    assert (await sign_in(browser, page)).title.startswith("Connect The TV?")


async def test_it_speaks_german_and_says_for_how_long(reception: Reception) -> None:
    reception.devices.wait(OTHER_CODE, "films:watch", "offline_access", offline=14 * 24 * 3600)
    async with reception.browser("de") as browser:
        page = await sign_in(browser, await entered(browser, OTHER_CODE))
        assert page.language == "de"
        assert page.title.startswith("The TV verbinden?")
        assert "14 Tage" in page.text
