"""What a browser's cookie opens over REST, and what it does not without its session's own CSRF token."""

from typing import Any

import pytest

from tests.unit.identity.door import ORIGIN, Door, door_of, said
from tests.unit.identity.house import OTHER_PASSWORD, PASSWORD, House


async def test_cookies_are_for_the_browser_alone(house: House) -> None:
    await house.register()
    for secure, name in ((False, "watchword_session"), (True, "__Host-watchword_session")):
        door = door_of(house, secure)
        response = await door.client.post("/v1/login", json={"username": "alice", "password": PASSWORD})
        given = next(one for one in response.headers.get_list("set-cookie") if one.startswith(f"{name}="))
        assert "HttpOnly" in given
        assert "SameSite=lax" in given
        assert "Path=/" in given
        assert ("Secure" in given) == secure
        assert "Domain" not in given
        secret = given.partition("=")[2].partition(";")[0].partition(".")[2]
        assert len(secret) == 43
        await door.client.aclose()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/logout", None),
        ("DELETE", "/v1/sessions", None),
        ("DELETE", "/v1/sessions/ses_x", None),
        ("PUT", "/v1/account/password", {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}),
    ],
)
async def test_a_cookies_changes_need_the_sessions_own_csrf_token(
    door: Door, method: str, path: str, body: Any
) -> None:
    await door.house.register()
    others = (await door.log_in())["csrf_token"]
    door.client.cookies.clear()
    await door.log_in()
    for token in ("", "x", others, "\u00e9"):
        headers = [(b"X-CSRF-Token", token.encode())]
        response = await door.client.request(method, path, json=body, headers=headers)
        assert said(response) == (403, "csrf_token_invalid")
    response = await door.client.request(method, path, json=body)
    assert said(response) == (403, "csrf_token_invalid")
    assert (await door.ask("GET", "/v1/account")).status_code == 200


async def test_other_sites_are_refused_login_included(door: Door) -> None:
    await door.house.register()
    body = {"username": "alice", "password": PASSWORD}
    assert (await door.ask("POST", "/v1/login", body, Origin="https://evil.example")).status_code == 403
    assert (await door.ask("POST", "/v1/login", body, **{"Sec-Fetch-Site": "cross-site"})).status_code == 403
    assert (await door.ask("POST", "/v1/login", body, Origin=ORIGIN)).status_code == 200


async def test_with_an_authorization_header_the_cookie_is_ignored(door: Door) -> None:
    await door.house.register()
    await door.log_in()
    assert said(await door.ask("GET", "/v1/account", Authorization="Bearer nonsense")) == (401, "invalid_token")
    assert said(await door.ask("GET", "/v1/account", Authorization="Basic eDp5")) == (401, "invalid_token")
