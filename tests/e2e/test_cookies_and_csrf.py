"""Browsers: cookies, CSRF, other sites, sessions that end at once in every process, and limits that lock nobody out
(RULES 10)."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any

import pytest
from httpx2 import AsyncClient, AsyncHTTPTransport, Response

from tests.harness.feeds import nothing_written
from tests.harness.people import PASSWORD, People, Person
from tests.harness.running import Running

pytestmark = pytest.mark.over("feed")

SESSION, DEVICE, STATE = "watchword_session", "watchword_device", "watchword_browser"
WRONG = "a wrong password 8 x"


@dataclass
class Browser:
    """A browser at one address, with its cookies; `where` picks the process of identity."""

    suite: Running
    http: AsyncClient
    csrf: str = ""

    def url(self, path: str, where: int = 0) -> str:
        return self.suite.urls("identity")[where] + path

    async def ask(self, method: str, path: str, where: int = 0, headers: Any = None, **body: Any) -> Response:
        """With the CSRF token of the last login, unless `headers` says otherwise."""
        sent = {"X-CSRF-Token": self.csrf} | (headers or {})
        sent = {name: value for name, value in sent.items() if value is not None}
        return await self.http.request(method, self.url(path, where), json=body or None, headers=sent)

    async def login(self, person: Person, where: int = 0, password: str | None = None) -> Response:
        answer = await self.ask(
            "POST", "/v1/login", where, username=person.username, password=password or person.password
        )
        if answer.status_code == 200:
            self.csrf = answer.json()["csrf_token"]
        return answer

    async def alive(self, where: int = 0) -> bool:
        answer = await self.ask("GET", "/v1/account", where)
        assert answer.status_code in (200, 401), answer.text
        return answer.status_code == 200


@asynccontextmanager
async def browser(suite: Running, address: str = "127.0.0.1") -> AsyncIterator[Browser]:
    async with AsyncClient(transport=AsyncHTTPTransport(local_address=address), timeout=30, trust_env=False) as http:
        yield Browser(suite, http)


def cookies_of(answer: Response) -> dict[str, Any]:
    """The cookies that an answer sets, with their attributes."""
    jar: SimpleCookie = SimpleCookie()
    for header in answer.headers.get_list("set-cookie"):
        jar.load(header)
    return dict(jar)


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


async def test_a_login_gives_a_new_session_and_ends_the_one_before(suite: Running, people: People) -> None:
    person = await people.register()
    async with browser(suite) as one, browser(suite) as left:
        first = await one.login(person)
        left.http.cookies.set(SESSION, first.cookies[SESSION], domain="127.0.0.1")
        assert await left.alive()
        second = await one.login(person)
        assert second.cookies[SESSION] != first.cookies[SESSION]
        assert second.json()["session_id"] != first.json()["session_id"]
        assert second.json()["csrf_token"] != first.json()["csrf_token"]
        assert not await left.alive(), "whoever fixed or stole the earlier cookie has nothing"
        assert await one.alive()


async def test_a_password_change_changes_the_secret_and_ends_the_other_sessions(suite: Running, people: People) -> None:
    suite.second("identity")
    person, new = await people.register(), "another correct horse battery 7"
    async with browser(suite) as one, browser(suite) as two, browser(suite) as thief:
        login = await one.login(person)
        await two.login(person, 1)
        thief.http.cookies.set(SESSION, login.cookies[SESSION], domain="127.0.0.1")
        wrong = await one.ask("PUT", "/v1/account/password", current_password=WRONG, new_password=new)
        assert (wrong.status_code, wrong.json()["code"]) == (401, "invalid_credentials")
        weak = await one.ask("PUT", "/v1/account/password", current_password=PASSWORD, new_password="password1")
        assert (weak.status_code, weak.json()["code"]) == (422, "password_too_weak")
        assert await two.alive(0)
        changed = await one.ask("PUT", "/v1/account/password", current_password=PASSWORD, new_password=new)
        assert changed.status_code == 200, changed.text
        assert cookies_of(changed)[SESSION].value != login.cookies[SESSION]
        for where in (0, 1):
            assert await one.alive(where)
            assert not await two.alive(where)
            assert not await thief.alive(where)
        assert (await two.login(person)).status_code == 401
        assert (await two.login(person, 1, new)).status_code == 200


async def test_sessions_are_listed_and_end_in_every_process_at_once(suite: Running, people: People) -> None:
    suite.second("identity")
    person = await people.register()
    async with browser(suite) as one, browser(suite) as two, browser(suite) as three, browser(suite) as stranger:
        sessions = [(await each.login(person, where)).json()["session_id"] for each, where in ((one, 0), (two, 1))]
        await three.login(person, 1)
        await stranger.login(await people.register())
        for where in (0, 1):
            listed = (await one.ask("GET", "/v1/sessions", where)).json()["sessions"]
            assert len(listed) == 3
            assert [each["session_id"] for each in listed if each["current"]] == [sessions[0]]
            for each in listed:
                assert {"session_id", "started", "last_seen", "address", "agent", "current"} == each.keys()
                assert each["address"] == "127.0.0.1"
        foreign = await stranger.ask("DELETE", f"/v1/sessions/{sessions[1]}")
        assert (foreign.status_code, foreign.json()["code"]) == (404, "session_unknown")
        assert await two.alive(0)
        ended = await one.ask("DELETE", f"/v1/sessions/{sessions[1]}", 0)
        assert ended.json()["applied"] is True
        assert [await two.alive(where) for where in (1, 0)] == [False, False]
        assert await three.alive()
        all_ = await one.ask("DELETE", "/v1/sessions", 1)
        assert (all_.status_code, all_.json()["applied"]) == (200, True)
        for each in (one, three):
            assert [await each.alive(where) for where in (0, 1)] == [False, False]
        assert await stranger.alive()
        assert (await one.login(person)).status_code == 200


async def test_a_disabled_accounts_cookie_is_refused_at_once_in_every_process(suite: Running, people: People) -> None:
    suite.second("identity")
    person, admin = await people.register(), await people.administrator()
    async with browser(suite) as one:
        await one.login(person)
        url = f"/v1/accounts/{person.account_id}/disable"
        assert (await people.post("identity", url, 1, admin.bearer, reason="a test")).status_code == 200
        assert [await one.alive(where) for where in (0, 1)] == [False, False]
        known, unknown = await one.login(person), await one.login(Person("nobody-at-all", PASSWORD, ""))
        assert said(known) == said(unknown)


def said(answer: Response) -> tuple[int, dict[str, Any], set[str]]:
    """All that an answer tells, but for what is new in each."""
    body = {name: value for name, value in answer.json().items() if name not in ("reference", "instance")}
    return answer.status_code, body, set(answer.headers)


async def test_an_unknown_user_and_a_wrong_password_get_the_same_answer(suite: Running, people: People) -> None:
    person = await people.register()
    async with browser(suite, "127.0.3.1") as one:
        wrong = await one.login(person, password=WRONG)
        unknown = await one.login(Person(f"nobody-{secrets.token_hex(4)}", WRONG, ""))
        odd = await one.login(Person("no name: spaces \u200b", WRONG, ""))
        assert (wrong.status_code, wrong.json()["code"]) == (401, "invalid_credentials")
        assert said(wrong) == said(unknown) == said(odd)
        assert "set-cookie" not in wrong.headers


@pytest.mark.parametrize("known", [True, False])
async def test_a_names_limit_stops_guessing_from_everywhere_but_not_its_owners_browser(
    suite: Running, people: People, known: bool
) -> None:
    suite.second("identity")
    person = await people.register() if known else Person(f"nobody-{secrets.token_hex(4)}", PASSWORD, "")
    tens = f"127.0.{4 if known else 5}"
    async with browser(suite, f"{tens}.1") as owner:
        if known:
            assert (await owner.login(person)).status_code == 200
        for address in (f"{tens}.2", f"{tens}.3"):
            await guess_until_refused(suite, person, address)
        async with browser(suite, f"{tens}.4") as fresh:
            for where in (0, 1):
                refused = await fresh.login(person, where)
                assert (refused.status_code, refused.json()["code"]) == (429, "too_many_attempts"), where
                assert int(refused.headers["retry-after"]) >= 1
            assert (await fresh.login(await people.register())).status_code == 200, "others are not concerned"
        if known:
            for where in (0, 1):
                assert (await owner.login(person, where)).status_code == 200, "its device cookie is its own way in"
            await device_has_a_limit_too(owner, person)


async def guess_until_refused(suite: Running, person: Person, address: str) -> None:
    """Ten wrong passwords at once from one address, over two processes: as many as it may."""
    async with browser(suite, address) as thief:
        guesses = await asyncio.gather(*(thief.login(person, where % 2, WRONG) for where in range(10)))
        assert {guess.status_code for guess in guesses} <= {401, 429}, [guess.text for guess in guesses]
        last = await thief.login(person, 0, WRONG)
        assert (last.status_code, last.json()["code"]) == (429, "too_many_attempts")
        assert int(last.headers["retry-after"]) >= 1


async def device_has_a_limit_too(owner: Browser, person: Person) -> None:
    answers = [(await owner.login(person, 0, WRONG)).status_code for _ in range(11)]
    assert answers == [401] * 10 + [429]
