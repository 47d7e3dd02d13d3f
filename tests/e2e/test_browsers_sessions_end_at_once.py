"""Browsers' sessions end at once in every process (RULES 10)."""

import pytest

from tests.e2e.browsers import SESSION, WRONG, browser, cookies_of, said
from tests.harness.people import PASSWORD, People, Person
from tests.harness.running import Running

pytestmark = pytest.mark.over("feed")


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
