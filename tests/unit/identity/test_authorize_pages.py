"""/oauth2/authorize as a person with a plain browser meets it: sign in, choose, consent, and back."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.harness.browsing import Browser, read
from tests.unit.identity.house import OTHER_PASSWORD, House
from tests.unit.identity.reception import ORIGIN, Reception, answer, reception_of, sign_in
from tests.unit.identity.small_authorizations import App

ALLOW, DENY, CANCEL = ("decision", "allow"), ("decision", "deny"), ("leave", "cancel")
GOING_ON = ("decision", "continue")
FLOW, SESSION = "watchword_flow_", "watchword_session"


@pytest_asyncio.fixture
async def reception(house: House) -> Reception:
    await house.register()
    return reception_of(house)


@pytest_asyncio.fixture
async def browser(reception: Reception) -> AsyncIterator[Browser]:
    async with reception.browser() as one:
        yield one


async def test_a_person_signs_in_consents_and_comes_back(reception: Reception, browser: Browser) -> None:
    page = await browser.open(reception.asking(scope="openid email"))
    assert page.title == "Sign in · Example Ltd"
    assert "An App" in page.text
    page = await sign_in(browser, page)
    assert page.title == "Allow An App? · Example Ltd"
    for said in (
        "alice",
        "Know who you are",
        "See your e-mail address",
        "while you are signed in",
        "https://app.example",
    ):
        assert said in page.text
    left = await browser.submit(page, ALLOW)
    told = {name: value for name, value in answer(left).items() if name != "session_state"}
    assert told == {"code": "code-1", "state": "s1", "iss": "https://issuer.example"}
    (given,) = reception.token.given
    assert given.decision is not None
    assert set(given.decision.scopes) == {"openid", "email"}
    assert (given.session.acr, given.session.amr) == ("urn:watchword:acr:password", ("pwd",))
    assert given.session.auth_time == reception.house.time.now_us


async def test_the_second_application_asks_for_no_password(reception: Reception, browser: Browser) -> None:
    reception.token.apps["two"] = App("Another App", asks=False)
    await browser.submit(await sign_in(browser, await browser.open(reception.asking())), ALLOW)
    left = await browser.open(reception.asking(client_id="two", state="s2"))
    assert answer(left)["code"] == "code-2"
    assert "set-cookie" not in left.response.headers
    one, two = reception.token.given
    assert one.session == two.session


async def test_an_authorization_post_goes_on_by_303_and_is_read_without_the_session(
    reception: Reception, browser: Browser
) -> None:
    await browser.submit(await sign_in(browser, await browser.open(reception.asking())), ALLOW)
    form = reception.asking(prompt="none").partition("?")[2]
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": "https://app.example"}
    first = await browser.http.post("/oauth2/authorize", content=form, headers=headers)
    assert first.status_code == 303
    assert first.headers["location"].startswith("/oauth2/authorize/")
    assert len(reception.token.given) == 1, "nothing was decided by the POST"
    assert answer(await browser.open(first.headers["location"]))["code"] == "code-2"


async def test_a_post_of_anything_but_a_form_is_no_request(reception: Reception, browser: Browser) -> None:
    page = read(await browser.http.post("/oauth2/authorize", json={"client_id": "one"}))
    assert (page.response.status_code, page.title) == (400, "This request cannot be answered · Example Ltd")


async def test_what_is_no_request_is_told_to_the_person_and_redirected_nowhere(
    reception: Reception, browser: Browser
) -> None:
    page = await browser.open(reception.asking(redirect_uri="https://evil.example/"))
    assert page.response.status_code == 400
    assert page.left == ""
    assert "this redirect_uri is not registered for the client" in page.text
    assert "invalid_request" in page.text
    assert page.response.headers["x-correlation-id"] in page.text


async def test_what_is_wrong_with_a_request_is_told_to_the_application(reception: Reception, browser: Browser) -> None:
    left = await browser.open(reception.asking(response_type="token"))
    assert answer(left) == {"error": "unsupported_response_type", "state": "s1", "iss": "https://issuer.example"}


async def test_who_may_not_be_asked_is_not_asked(reception: Reception, browser: Browser) -> None:
    left = await browser.open(reception.asking(prompt="none"))
    assert answer(left)["error"] == "login_required"
    assert "set-cookie" not in left.response.headers


async def test_saying_no_is_an_answer(reception: Reception, browser: Browser) -> None:
    page = await sign_in(browser, await browser.open(reception.asking()))
    assert answer(await browser.submit(page, DENY))["error"] == "access_denied"
    page = await browser.open(reception.asking(prompt="login"))
    assert answer(await browser.submit(page, CANCEL, username="", password=""))["error"] == "access_denied"


async def test_scopes_can_be_left_out_but_for_who_one_is(reception: Reception, browser: Browser) -> None:
    page = await sign_in(browser, await browser.open(reception.asking(scope="openid email offline_access")))
    assert "14 days" in page.text
    fields = page.form.fields
    assert {"scope.openid", "scope.email", "scope.offline_access"} <= fields.keys()
    await browser.submit(page, ALLOW, **{"scope.email": None})
    assert reception.token.given[0].decision is not None
    assert set(reception.token.given[0].decision.scopes) == {"openid", "offline_access"}


async def test_a_wrong_password_is_said_in_words_and_the_name_stays(reception: Reception, browser: Browser) -> None:
    page = await browser.open(reception.asking())
    wrong = await sign_in(browser, page, OTHER_PASSWORD, " Alice ")
    assert wrong.response.status_code == 422
    assert "Username or password is wrong." in wrong.text
    assert wrong.title.startswith("Error: ")
    assert wrong.form.fields["username"] == "Alice"
    assert OTHER_PASSWORD not in wrong.response.text
    assert wrong.has("input", name="password", **{"aria-invalid": "true", "aria-describedby": "problem"})
    assert wrong.has("p", id="problem", role="alert")
    assert (await sign_in(browser, wrong)).title.startswith("Allow")


async def test_too_many_tries_are_refused_and_it_is_said_for_how_long(reception: Reception, browser: Browser) -> None:
    page = await browser.open(reception.asking())
    for _ in range(5):
        page = await sign_in(browser, page, OTHER_PASSWORD)
    refused = await sign_in(browser, page)
    assert refused.response.status_code == 429
    assert "minutes, then try again." in refused.text
    assert int(refused.response.headers["retry-after"]) > 1


async def test_a_name_that_nobody_can_have_is_as_wrong_as_any(reception: Reception, browser: Browser) -> None:
    page = await browser.open(reception.asking())
    for name in ("no name", "x" * 2000, "nobody"):
        wrong = await sign_in(browser, page, username=name)
        assert (wrong.response.status_code, "Username or password is wrong." in wrong.text) == (422, True)
    empty = await browser.submit(page, username="", password="")
    assert "Please enter username and password." in empty.text


async def test_a_login_gives_a_new_session_and_ends_the_one_before(reception: Reception, browser: Browser) -> None:
    await browser.submit(await sign_in(browser, await browser.open(reception.asking())), ALLOW)
    before = browser.http.cookies[SESSION]
    page = await browser.open(reception.asking(prompt="login"))
    assert page.title.startswith("Confirm that it is you")
    assert page.form.fields["username"] == "alice"
    assert "code" in answer(await sign_in(browser, page))
    assert browser.http.cookies[SESSION] != before
    assert before.partition(".")[0] in reception.house.token.ended


async def test_a_person_chooses_to_go_on_or_to_be_somebody_else(reception: Reception, browser: Browser) -> None:
    await reception.house.register("bob")
    await browser.submit(await sign_in(browser, await browser.open(reception.asking())), ALLOW)
    page = await browser.open(reception.asking(prompt="select_account"))
    assert page.title.startswith("Choose an account")
    assert "code" in answer(await browser.submit(page, GOING_ON))
    page = await browser.open(reception.asking(prompt="select_account", scope="openid email"))
    page = await browser.submit(page, GOING_ON)
    assert page.title.startswith("Allow"), "the choice is not asked for again"
    page = await browser.open(page.links["Not you?"])
    assert page.title.startswith("Sign in")
    page = await sign_in(browser, page, username="bob")
    assert "You are signed in as bob." in page.text


async def test_somebody_else_is_asked_for_by_an_application(reception: Reception, browser: Browser) -> None:
    bob = await reception.house.register("bob")
    await browser.submit(await sign_in(browser, await browser.open(reception.asking())), ALLOW)
    page = await browser.open(reception.asking(whom=bob))
    assert "You are signed in as alice, and An App asks for another account." in page.text
    page = await sign_in(browser, page)
    assert "You are signed in as alice" in page.text, "alice is still not bob"
    assert "You are signed in as bob." in (await sign_in(browser, page, username="bob")).text


async def test_a_revocation_that_came_between_is_waited_for_and_the_session_begun_anew(
    reception: Reception, browser: Browser
) -> None:
    alice = (await reception.house.log_in()).account_id
    page = await browser.open(reception.asking())
    reception.house.token.revoke_subject(alice)
    assert (await sign_in(browser, page)).title.startswith("Allow")
    names = await reception.house.names_of_events()
    assert names.count("session.started") == 3
    assert names[-2:] != ["session.ended"], "the session that goes on is the last"


async def test_a_session_that_was_revoked_at_token_is_over_here(reception: Reception, browser: Browser) -> None:
    page = await sign_in(browser, await browser.open(reception.asking()))
    account = (await reception.house.log_in()).account_id
    await browser.submit(page, ALLOW)
    reception.house.token.revoke_subject(account)
    page = await browser.open(reception.asking())
    assert page.response.status_code == 503, "what is not applied here yet lets nobody go on"


async def test_an_answer_can_be_a_form_that_a_button_sends(reception: Reception, browser: Browser) -> None:
    page = await sign_in(browser, await browser.open(reception.asking(response_mode="form_post")))
    page = await browser.submit(page, ALLOW)
    assert page.response.status_code == 200
    assert page.form.action == "https://app.example/callback"
    assert page.form.fields.pop("session_state")
    assert page.form.fields == {"code": "code-1", "state": "s1", "iss": "https://issuer.example"}
    assert page.form.buttons == {("", "")}
    said = page.response.headers["content-security-policy"]
    assert "form-action https://app.example;" in said
    assert "script-src 'sha256-" in said
    assert "'unsafe-inline'" not in said
    assert page.response.headers["cache-control"] == "no-store"


async def test_an_answer_can_stand_behind_the_hash(reception: Reception, browser: Browser) -> None:
    left = await browser.open(reception.asking(prompt="none", response_mode="fragment"))
    assert left.left.startswith("https://app.example/callback#error=login_required&state=s1&iss=https%3A%2F%2F")


@pytest.mark.parametrize(
    ("uri", "wanted"),
    [
        ("https://app.example/cb?a=b", "https://app.example/cb?a=b&error="),
        ("com.example.app:/cb", "com.example.app:/cb?error="),
        ("http://[::1]:4711/cb", "http://[::1]:4711/cb?error="),
    ],
)
async def test_answers_go_to_any_address_that_is_registered(
    reception: Reception, browser: Browser, uri: str, wanted: str
) -> None:
    reception.token.apps["one"] = App(redirect_uri=uri)
    page = await browser.open(reception.asking(redirect_uri=uri))
    left = await browser.submit(page, CANCEL, username="", password="")
    assert left.left.startswith(wanted)


async def test_while_token_does_not_answer_people_are_asked_to_come_back(
    reception: Reception, browser: Browser
) -> None:
    page = await browser.open(reception.asking())
    reception.house.token.answers = False
    away = await browser.open(reception.asking())
    assert (away.response.status_code, away.title) == (503, "Please try again in a moment · Example Ltd")
    assert away.response.headers["retry-after"] == "1"
    assert "Try again" in away.links
    assert (await sign_in(browser, page)).response.status_code == 503
    assert SESSION not in browser.http.cookies
    reception.house.token.answers = True
    assert (await sign_in(browser, page)).title.startswith("Allow")


async def test_what_nobody_expected_is_a_page_with_a_reference(reception: Reception, browser: Browser) -> None:
    reception.token.apps["one"] = App(about={"no_such_thing": "x"})
    page = await browser.open(reception.asking())
    assert page.response.status_code == 500
    assert page.response.headers["x-correlation-id"] in page.text
    assert "no_such_thing" not in page.response.text


async def test_pages_are_where_the_service_is(reception: Reception, browser: Browser) -> None:
    page = await browser.open(reception.asking())
    assert page.url.startswith(f"{ORIGIN}/oauth2/authorize/")
    assert "client_id" not in page.url
