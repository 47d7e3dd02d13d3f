"""Watchword's main job: login, refresh, a lost answer, reuse detected, revoked in all three services."""

import asyncio
import time

import httpx2

from tests.harness.people import People, Signed
from tests.harness.reuse import judged


async def doors(people: People, signed: Signed) -> list[int]:
    """What each service says to the bearer: identity, policy, and token (401 where it is not active)."""
    active = (await people.introspect(signed.access_token))["active"]
    return [
        (await people.get("identity", "/v1/account", headers=signed.bearer)).status_code,
        (await people.get("policy", "/v1/roles", headers=signed.bearer)).status_code,
        200 if active else 401,
    ]


async def until_doors(people: People, signed: Signed, expected: list[int], within: float = 5.0) -> None:
    deadline = time.monotonic() + within
    while (found := await doors(people, signed)) != expected:
        assert time.monotonic() < deadline, f"{found} and not {expected}"
        await asyncio.sleep(0.02)


def next_of(answer: httpx2.Response) -> str:
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["refresh_token"]
    return token


async def test_a_replayed_refresh_token_is_reuse_and_all_three_services_refuse(people: People) -> None:
    person = await people.register()
    signed = await people.login(person)
    assert await doors(people, signed) == [200, 200, 200]
    second = next_of(await people.refresh(signed.refresh_token))
    assert next_of(await people.refresh(signed.refresh_token)) == second
    third = next_of(await people.refresh(second))
    replayed = await judged(lambda: people.refresh(signed.refresh_token))
    assert (replayed.status_code, replayed.json()["error"]) == (400, "invalid_grant")
    await until_doors(people, signed, [401, 401, 401])
    assert (await people.refresh(third)).json()["error"] == "invalid_grant"
    notices = (await people.get("identity", "/v1/account", headers=(await people.login(person)).bearer)).json()[
        "notices"
    ]
    assert [notice["code"] for notice in notices] == ["refresh_reuse_detected"]


async def test_logout_refuses_the_bearer_everywhere_and_the_cookie_at_once(people: People) -> None:
    signed = await people.login(await people.register())
    headers = {"X-CSRF-Token": signed.csrf_token}
    answer = await people.http.post(people.url("identity") + "/v1/logout", headers=headers, cookies=signed.cookies)
    assert answer.status_code == 200, answer.text
    assert answer.json()["applied"] is True
    after = await people.http.get(people.url("identity") + "/v1/account", cookies=signed.cookies)
    assert after.status_code == 401
    assert (await people.refresh(signed.refresh_token)).json()["error"] == "invalid_grant"
    await until_doors(people, signed, [401, 401, 401])


async def test_disabling_ends_all_and_enabling_lets_a_new_login_in(people: People) -> None:
    person = await people.register()
    signed, admin = await people.login(person), await people.administrator()
    disabled = await people.post(
        "identity", f"/v1/accounts/{person.account_id}/disable", headers=admin.bearer, reason="a test"
    )
    assert disabled.json()["applied"] is True
    assert (await people.refresh(signed.refresh_token)).json()["error"] == "invalid_grant"
    await until_doors(people, signed, [401, 401, 401])
    assert (await people.try_login(person.username, person.password)).json()["code"] == "invalid_credentials"
    enabled = await people.post(
        "identity", f"/v1/accounts/{person.account_id}/enable", headers=admin.bearer, reason="a test"
    )
    assert enabled.status_code == 200
    again = await people.login(person)
    await until_doors(people, again, [200, 200, 200])
    assert await doors(people, signed) == [401, 401, 401]


async def test_a_password_change_spares_the_session_that_made_it_and_ends_the_others(people: People) -> None:
    person = await people.register()
    mine, other = await people.login(person), await people.login(person)
    changed = await people.http.put(
        people.url("identity") + "/v1/account/password",
        json={"current_password": person.password, "new_password": "another correct horse battery 7"},
        headers=mine.bearer,
    )
    assert changed.status_code == 200, changed.text
    assert (await people.refresh(other.refresh_token)).json()["error"] == "invalid_grant"
    assert (await people.refresh(mine.refresh_token)).status_code == 200
    await until_doors(people, other, [401, 401, 401])
    assert await doors(people, mine) == [200, 200, 200]


async def test_a_login_in_the_same_second_as_a_revocation_works(people: People) -> None:
    person = await people.register()
    before, admin = await people.login(person), await people.administrator()
    await people.revoke(admin, subject=person.account_id)
    after = await people.login(person)
    assert await doors(people, after) == [200, 200, 200]
    assert await doors(people, before) == [401, 401, 401]
    assert (await people.refresh(after.refresh_token)).status_code == 200
