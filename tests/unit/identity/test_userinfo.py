"""What an application learns of a person: as far as the token's scope goes, and only while the session does."""

import pytest

from tests.unit.identity.house import PASSWORD
from tests.unit.identity.test_identity_rest import Door, door

__all__ = ["door"]

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def alice(door: Door) -> dict[str, str]:
    """Her account and her session."""
    await door.ask("POST", "/v1/accounts", {"username": "Alice", "password": PASSWORD, "email": "a@b.org"})
    return await door.log_in()


async def asked(door: Door, headers: dict[str, str]) -> dict[str, object]:
    response = await door.client.get("/oauth2/userinfo", headers=headers)
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    answer: dict[str, object] = response.json()
    return answer


@pytest.mark.parametrize(
    ("scopes", "more"),
    [
        ((), {}),
        (("profile",), {"preferred_username": "alice"}),
        (("email",), {"email": "a@b.org", "email_verified": False}),
        (("phone", "address"), {}),
    ],
)
async def test_it_says_what_the_scope_lets_be_known(
    door: Door, alice: dict[str, str], scopes: tuple[str, ...], more: dict[str, object]
) -> None:
    bearer = door.bearers.issue(alice["account_id"], alice["session_id"], "openid", *scopes)
    assert await asked(door, bearer) == {"sub": alice["account_id"]} | more


async def test_what_was_asked_for_by_name_is_said_and_nothing_else(door: Door, alice: dict[str, str]) -> None:
    bearer = door.bearers.issue(alice["account_id"], alice["session_id"], "openid", asked=("email", "password_hash"))
    assert await asked(door, bearer) == {"sub": alice["account_id"], "email": "a@b.org"}


async def test_without_openid_it_says_nothing(door: Door, alice: dict[str, str]) -> None:
    bearer = door.bearers.issue(alice["account_id"], alice["session_id"], "watchword:account")
    response = await door.client.get("/oauth2/userinfo", headers=bearer)
    assert response.status_code == 403
    assert 'error="insufficient_scope"' in response.headers["www-authenticate"]


async def test_the_token_may_come_in_a_form_and_never_in_the_address(door: Door, alice: dict[str, str]) -> None:
    bearer = door.bearers.issue(alice["account_id"], alice["session_id"], "openid")
    token = bearer["Authorization"].removeprefix("Bearer ")
    posted = await door.client.post("/oauth2/userinfo", content=f"access_token={token}", headers=FORM)
    assert posted.json() == {"sub": alice["account_id"]}
    twice = await door.client.post("/oauth2/userinfo", content=f"access_token={token}", headers=FORM | bearer)
    assert (twice.status_code, twice.json()["error"]) == (400, "invalid_request")
    for response in (
        await door.client.get(f"/oauth2/userinfo?access_token={token}"),
        await door.client.post("/oauth2/userinfo"),
    ):
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == 'Bearer realm="watchword"'


async def test_it_ends_with_the_session(door: Door, alice: dict[str, str]) -> None:
    bearer = door.bearers.issue(alice["account_id"], alice["session_id"], "openid")
    lasting = door.bearers.issue(alice["account_id"], None, "openid", "offline_access")
    await door.ask("POST", "/v1/logout", {})
    response = await door.client.get("/oauth2/userinfo", headers=bearer)
    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["www-authenticate"]
    assert await asked(door, lasting) == {"sub": alice["account_id"]}
