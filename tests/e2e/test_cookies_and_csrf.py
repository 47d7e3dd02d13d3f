"""Browsers: cookies, CSRF, other sites (RULES 10)."""

import secrets
from typing import Any

import pytest

from tests.e2e.browsers import DEVICE, SESSION, STATE, browser, cookies_of
from tests.harness.feeds import nothing_written
from tests.harness.people import PASSWORD, People
from tests.harness.running import Running

pytestmark = pytest.mark.over("feed")


async def test_the_cookies_are_for_the_browser_alone(suite: Running, people: People) -> None:
    person = await people.register()
    async with browser(suite) as one:
        answer = await one.login(person)
        given = cookies_of(answer)
        state = given.pop(STATE)
        assert not state["httponly"], "applications' frames read it (OpenID Connect Session Management)"
        assert state.value not in given[SESSION].value + given[DEVICE].value + answer.text, "it opens nothing"
        assert given.keys() == {SESSION, DEVICE}
        for cookie in given.values():
            assert (cookie["httponly"], cookie["samesite"].lower(), cookie["path"]) == (True, "lax", "/")
            assert not cookie["domain"]
        assert given[SESSION].value.split(".")[0] == answer.json()["session_id"]
        assert given[SESSION].value not in answer.text
        assert answer.headers["cache-control"] == "no-store"
        shown = (await one.ask("GET", "/v1/account")).json()
        assert (shown["account_id"], shown["csrf_token"]) == (person.account_id, one.csrf)
        assert given[SESSION].value.split(".")[1] not in str(shown)


async def test_the_public_id_of_a_session_opens_nothing(suite: Running, people: People) -> None:
    person = await people.register()
    async with browser(suite) as one, browser(suite) as thief:
        session = (await one.login(person)).json()["session_id"]
        for value in (session, f"{session}.", f"{session}.{secrets.token_urlsafe(32)}", f"{session}.{one.csrf}", "."):
            thief.http.cookies.set(SESSION, value, domain="127.0.0.1")
            assert not await thief.alive(), value
            thief.http.cookies.clear()


async def test_what_changes_something_needs_the_sessions_own_csrf_token(suite: Running, people: People) -> None:
    person = await people.register()
    async with browser(suite) as one, browser(suite) as two:
        await one.login(person)
        await two.login(await people.register())
        changes: list[tuple[str, str, dict[str, Any]]] = [
            ("POST", "/v1/logout", {}),
            ("DELETE", "/v1/sessions", {}),
            ("DELETE", "/v1/sessions/ses_x", {}),
            ("PUT", "/v1/account/password", {"current_password": PASSWORD, "new_password": "another Horse 77 x"}),
        ]
        async with nothing_written(suite):
            for method, path, body in changes:
                for shown in (None, "", "x", two.csrf, one.csrf + "x", "ä"):
                    sent = {"X-CSRF-Token": None if shown is None else shown.encode("latin-1")}
                    answer = await one.ask(method, path, headers=sent, **body)
                    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_token_invalid"), (path, shown)
        assert await one.alive()
        assert (await one.ask("POST", "/v1/logout")).status_code == 200
        assert not await one.alive()


FOREIGN: list[dict[str, str]] = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1"},
    {"Origin": "http://127.0.0.1.evil.example"},
    {"Sec-Fetch-Site": "cross-site"},
]


async def test_other_sites_change_nothing_not_even_by_login_or_registration(suite: Running, people: People) -> None:
    person = await people.register()
    async with browser(suite) as one:
        await one.login(person)
        name = f"foreign-{secrets.token_hex(4)}"
        changes: list[tuple[str, str, dict[str, Any]]] = [
            ("POST", "/v1/login", {"username": person.username, "password": person.password}),
            ("POST", "/v1/accounts", {"username": name, "password": PASSWORD}),
            ("POST", "/v1/logout", {}),
            ("DELETE", "/v1/sessions", {}),
            ("POST", f"/v1/accounts/{person.account_id}/disable", {"reason": "x"}),
        ]
        async with nothing_written(suite):
            for foreign in FOREIGN:
                for method, path, body in changes:
                    answer = await one.ask(method, path, headers=foreign, **body)
                    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site"), (path, foreign)
                    assert "access-control-allow-origin" not in answer.headers
                    assert "set-cookie" not in answer.headers
        own = {"Origin": suite.url("identity"), "Sec-Fetch-Site": "same-origin"}
        assert (await one.ask("POST", "/v1/logout", headers=own)).status_code == 200


async def test_a_form_or_text_of_another_site_is_no_login(suite: Running, people: People) -> None:
    person = await people.register()
    body = f'{{"username": "{person.username}", "password": "{person.password}"}}'
    async with browser(suite) as one, nothing_written(suite):
        for media in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            answer = await one.http.post(one.url("/v1/login"), content=body, headers={"Content-Type": media})
            assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_beside_an_authorization_header_a_cookie_is_ignored(suite: Running, people: People) -> None:
    mine, other = await people.register(), await people.register()
    signed = await people.login(other)
    async with browser(suite) as one:
        await one.login(mine)
        assert (await one.ask("GET", "/v1/account", headers=signed.bearer)).json()["account_id"] == other.account_id
        for header in ("Bearer nonsense", "Basic YTpi", "x"):
            answer = await one.ask("GET", "/v1/account", headers={"Authorization": header})
            assert answer.status_code == 401, header
        out = await one.ask("POST", "/v1/logout", headers=signed.bearer | {"X-CSRF-Token": None})
        assert out.status_code == 200
        assert await one.alive(), "the bearer's session ended, the cookie's goes on"
