"""Identity over REST, through the whole ASGI application: bodies, statuses, codes."""

from typing import Any

import pytest

from tests.unit.identity.door import Door, said
from tests.unit.identity.house import PASSWORD


async def test_the_way_of_a_person_from_registration_to_logout(door: Door) -> None:
    made = await door.ask("POST", "/v1/accounts", {"username": "Alice", "password": PASSWORD, "email": "a@b.org"})
    assert made.status_code == 201
    assert set(made.json()) == {"account_id", "position"}
    assert made.headers["watchword-position"] == f"identity={made.json()['position']}"
    login = await door.log_in()
    assert set(login) == {"account_id", "session_id", "csrf_token", "position"}
    assert login["account_id"] == made.json()["account_id"]
    account = (await door.ask("GET", "/v1/account")).json()
    assert account == {
        "account_id": login["account_id"],
        "username": "alice",
        "email": "a@b.org",
        "session_id": login["session_id"],
        "csrf_token": login["csrf_token"],
        "notices": [],
    }
    listed = (await door.ask("GET", "/v1/sessions")).json()["sessions"]
    assert set(listed[0]) == {"session_id", "started", "last_seen", "address", "agent", "current"}
    assert (listed[0]["session_id"], listed[0]["address"]) == (login["session_id"], "192.0.2.7")
    logout = await door.ask("POST", "/v1/logout")
    assert logout.status_code == 200
    assert logout.json()["applied"] is True
    assert "watchword_session" not in door.client.cookies
    assert said(await door.ask("GET", "/v1/account")) == (401, "unauthenticated")


async def test_a_first_party_app_gets_tokens_with_the_session(door: Door) -> None:
    await door.house.register()
    login = await door.log_in(client_id="app")
    assert (login["token_type"], login["expires_in"], login["scope"]) == ("Bearer", 720, "watchword:account")
    assert login["access_token"]
    assert login["refresh_token"]


async def test_an_app_that_may_not_is_refused_and_gets_no_cookie(door: Door) -> None:
    await door.house.register()
    body = {"username": "alice", "password": PASSWORD, "client_id": "third-party"}
    response = await door.ask("POST", "/v1/login", body)
    assert said(response) == (400, "unauthorized_client")
    assert "set-cookie" not in response.headers


async def test_the_refusals_of_registration_and_login_have_their_codes(door: Door) -> None:
    await door.house.register()
    taken = await door.ask("POST", "/v1/accounts", {"username": "ALICE", "password": PASSWORD})
    assert said(taken) == (409, "account_exists")
    weak = await door.ask("POST", "/v1/accounts", {"username": "bob", "password": "password"})
    assert said(weak) == (422, "password_too_weak")
    for _ in range(5):
        wrong = await door.ask("POST", "/v1/login", {"username": "alice", "password": "wrong"})
        assert said(wrong) == (401, "invalid_credentials")
    limited = await door.ask("POST", "/v1/login", {"username": "alice", "password": PASSWORD})
    assert said(limited) == (429, "too_many_attempts")
    assert int(limited.headers["retry-after"]) >= 1


async def test_a_full_hashing_queue_is_said_with_retry_after(door: Door) -> None:
    await door.house.register()
    door.house.hasher._queue = 0
    full = await door.ask("POST", "/v1/login", {"username": "alice", "password": PASSWORD})
    assert said(full) == (503, "overloaded")
    assert int(full.headers["retry-after"]) >= 1
    assert (await door.client.get("/livez")).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"username": "alice"},
        {"username": 1, "password": PASSWORD},
        {"username": "alice", "password": None},
        {"username": "alice", "password": PASSWORD, "email": "nonsense"},
        {"username": "", "password": PASSWORD},
        {"username": "a b", "password": PASSWORD},
        {"username": "alice", "password": "x" * 1025},
        {"username": "alice", "password": "x" * 5000},
        ["alice"],
        "alice",
        None,
    ],
)
async def test_malformed_bodies_change_nothing_and_repeat_no_secret(door: Door, body: Any) -> None:
    response = await door.ask("POST", "/v1/accounts", body)
    assert response.status_code in (400, 415, 422)
    assert response.json()["code"]
    assert PASSWORD not in response.text
    assert door.house.store.rows == []
