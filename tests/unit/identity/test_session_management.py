"""OpenID Connect Session Management 1.0: applications learn that somebody else is signed in now, or nobody."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import dukpy
import pytest
import pytest_asyncio

from services.identity.api.session import origin_at
from services.identity.pages.rendering import session_script
from tests.harness.browsing import Browser
from tests.unit.identity.house import PASSWORD, House
from tests.unit.identity.reception import PUBLIC, Reception, answer, reception_of, sign_in
from tests.unit.identity.small_authorizations import APP, App

STATE = "watchword_browser"
HOME = "https://app.example"


@pytest_asyncio.fixture
async def reception(house: House) -> Reception:
    await house.register()
    made = reception_of(house)
    made.token.apps["one"] = App(asks=False)
    return made


@pytest_asyncio.fixture
async def browser(reception: Reception) -> AsyncIterator[Browser]:
    async with reception.browser() as one:
        yield one


def is_of(session_state: str, state: str) -> bool:
    """Section 3.2, as the framed page judges it."""
    hashed, _, salt = session_state.partition(".")
    return hashed == hashlib.sha256(f"one {HOME} {state} {salt}".encode()).hexdigest()


async def entered(reception: Reception, browser: Browser, **more: str) -> dict[str, str]:
    return answer(await sign_in(browser, await browser.open(reception.asking(**more))))


async def test_an_answer_tells_a_hash_of_the_state_that_the_browser_then_has(
    reception: Reception, browser: Browser
) -> None:
    said = await entered(reception, browser)
    assert is_of(said["session_state"], browser.http.cookies[STATE])
    again = answer(await browser.open(reception.asking(prompt="none")))
    assert is_of(again["session_state"], browser.http.cookies[STATE])
    assert again["session_state"] != said["session_state"], "each answer has a salt of its own"


async def test_the_state_changes_when_somebody_signs_in_and_when_they_sign_out(
    reception: Reception, browser: Browser
) -> None:
    first = (await entered(reception, browser))["session_state"]
    second = (await entered(reception, browser, prompt="login"))["session_state"]
    in_between = browser.http.cookies[STATE]
    assert not is_of(first, in_between)
    assert is_of(second, in_between)
    session_id = browser.http.cookies["watchword_session"].partition(".")[0]
    reception.token.hints["mine"] = (session_id, "acc")
    await browser.open(f"/oauth2/logout?{urlencode({'id_token_hint': 'mine'})}")
    assert browser.http.cookies[STATE], "known still: only so can it be said that it has changed"
    assert not is_of(second, browser.http.cookies[STATE])


async def test_a_browser_that_lost_it_gets_another_with_the_answer(reception: Reception, browser: Browser) -> None:
    await entered(reception, browser)
    for brought in ("", "something else"):
        browser.http.cookies.delete(STATE)
        if brought:
            browser.http.cookies.set(STATE, brought, domain="127.0.0.1", path="/")
        said = answer(await browser.open(reception.asking(prompt="none")))
        assert is_of(said["session_state"], browser.http.cookies.get(STATE, path="/") or "")


@pytest.mark.parametrize("more", [{"scope": "orders:read"}, {"prompt": "none"}])
async def test_who_is_not_told_that_somebody_is_signed_in_is_not_told_this(
    reception: Reception, browser: Browser, more: dict[str, str]
) -> None:
    page = await browser.open(reception.asking(**more))
    said = answer(page if page.left else await sign_in(browser, page))
    assert "session_state" not in said


async def test_its_cookie_is_for_scripts_and_opens_nothing(house: House) -> None:
    await house.register()
    reception = reception_of(house, public_url=PUBLIC, url=PUBLIC)
    reception.token.apps["one"] = App(asks=False)
    async with reception.browser() as browser:
        page = await browser.open(reception.asking())
        (form,) = page.forms
        typed = form.fields | {"username": "alice", "password": PASSWORD}
        response = await browser.http.post(f"{PUBLIC}{form.action}", data=typed, headers={"Origin": PUBLIC})
        cookies = {one.partition("=")[0]: one for one in response.headers.get_list("set-cookie")}
        state = cookies.get(f"__Host-{STATE}", "")
        assert state, response.text
        assert "HttpOnly" not in state
        assert "Secure" in state
        assert "SameSite=none" in state, "a frame within another site has to see it"
        assert "HttpOnly" in cookies["__Host-watchword_session"]
        assert state.partition("=")[2].partition(";")[0] not in cookies["__Host-watchword_session"]


async def test_its_page_alone_may_be_framed_and_runs_one_script(reception: Reception, browser: Browser) -> None:
    page = await browser.open("/oauth2/session")
    policy = page.response.headers["content-security-policy"]
    assert "frame-ancestors" not in policy
    assert "x-frame-options" not in page.response.headers
    assert "script-src 'sha256-" in policy
    assert policy.startswith("default-src 'none'")
    for other in ("/oauth2/authorize", "/oauth2/logout", "/pages/style.css", "/nowhere"):
        headers = (await browser.open(other)).response.headers
        assert headers["x-frame-options"] == "DENY"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        (APP, HOME),
        ("https://App.Example:443/x", HOME),
        ("http://localhost:8080/x?y", "http://localhost:8080"),
        ("http://[::1]:80/x", "http://[::1]"),
        ("com.example.app:/callback", ""),
    ],
)
def test_an_origin_is_written_as_browsers_write_it(url: str, origin: str) -> None:
    assert origin_at(url) == origin


RUN = """
var KINDS = {
  none: undefined,
  refuses: {subtle: {digest: function () { return Promise.reject(new Error("no")); }}},
  has: {subtle: {digest: function (name, data) {
    return Promise.resolve(call_python("digest", name, Array.prototype.slice.call(data)));
  }}}
};
dukpy.cases.forEach(function (one, number) {
  var heard, source = {postMessage: function (word, to) { call_python("said", number, word, to); }};
  var window = {crypto: KINDS[one.kind], addEventListener: function (name, listener) { heard = listener; }};
  new Function("window", "document", dukpy.script)(window, {cookie: one.cookie});
  heard({data: one.message, origin: one.origin, source: source});
});
"""


def asked(*cases: dict[str, str]) -> list[list[str]]:
    """What the framed page's script answers; `kind` says what the browser offers of cryptography."""
    said: dict[int, list[str]] = {}
    browser = dukpy.JSInterpreter()
    browser.export_function("said", lambda number, word, to: said.__setitem__(number, [word, to]))
    browser.export_function("digest", lambda name, data: list(hashlib.sha256(bytes(data)).digest()))
    browser.evaljs(RUN, script=session_script(STATE), cases=cases)
    return [said[number] for number in range(len(cases))]


def case(kind: str, **changes: str) -> dict[str, Any]:
    said = {"client_id": "one", "origin": HOME, "state": "s" * 22, "now": "s" * 22} | changes
    hashed = hashlib.sha256(f"{said['client_id']} {HOME} {said['state']} salt".encode()).hexdigest()
    message = said.get("message", f"{said['client_id']} {hashed}.salt")
    cookie = f"a=b; {STATE}={said['now']}" if said["now"] else "a=b"
    return {"kind": kind, "cookie": cookie, "message": message, "origin": said["origin"]}


@pytest.mark.parametrize("kind", ["none", "refuses", "has"])
def test_the_script_answers_in_browsers_with_cryptography_and_without(kind: str) -> None:
    long = [case(kind, client_id="c" * length) for length in range(1, 130)]
    assert asked(*long) == [["unchanged", HOME]] * len(long)
    cases = [
        (case(kind, client_id="ö"), "unchanged"),
        (case(kind, now="t" * 22), "changed"),
        (case(kind, now=""), "error"),
        (case(kind, message="one"), "error"),
        (case(kind, message="one abc.def"), "error"),
    ]
    assert [word for word, _ in asked(*(one for one, _ in cases))] == [word for _, word in cases]
    ((word, to),) = asked(case(kind, origin="https://evil.example"))
    assert (word, to) == ("changed", "https://evil.example"), "another site learns nothing"
