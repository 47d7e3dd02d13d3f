"""A token for another audience, of another type, with a wrong claim, or without its key is nobody's here."""

import secrets
import time
from typing import Any

import pytest

from tests.e2e.every_door import ACCOUNT, ADMINISTRATION, EVERY_DOOR, ROLES, all_rpcs_say, all_say, knock
from tests.harness.applications import machine, own_token
from tests.harness.forging import forge
from tests.harness.people import People, claims
from tests.harness.running import Running

pytestmark = pytest.mark.over("feed")


async def test_a_token_for_another_audience_is_nobodys_here(suite: Running, people: People) -> None:
    client = await machine(suite, scopes=["orders:read"], audiences=["https://orders.example"])
    token = await own_token(people.http, suite, client)
    await all_say(people, EVERY_DOOR, token, 401, "invalid_token")
    await all_rpcs_say(suite, token, "UNAUTHENTICATED", "invalid_token")


async def test_a_token_of_another_type_is_nobodys_though_the_suite_signed_it(suite: Running, people: People) -> None:
    signed, key = await people.administrator(), await forge(suite)
    said = claims(signed.access_token)
    again = key.token(said)
    assert (await knock(people, EVERY_DOOR[0], again)).status_code == 200, "the forge makes good tokens"
    for typ in ("JWT", "logout+jwt", None):
        await all_say(people, EVERY_DOOR, key.token(said, typ=typ), 401, "invalid_token")
        assert await people.introspect(key.token(said, typ=typ)) == {"active": False}
    await all_rpcs_say(suite, key.token(said, typ="JWT"), "UNAUTHENTICATED", "invalid_token")


WRONG: dict[str, dict[str, Any]] = {
    "no audience": {"aud": None},
    "another issuer": {"iss": "https://evil.example"},
    "expired": {"exp": 1_000_000_000, "iat": 999_999_000},
    "issued in the future": {"iat": int(time.time()) + 3_000, "exp": int(time.time()) + 3_600},
    "lives too long": {"exp": int(time.time()) + 7_200},
    "no position": {"pos": None},
    "a position that is no integer": {"pos": "12"},
    "position 0": {"pos": 0},
    "bound to what nobody here could check": {"cnf": {"kid": "x"}},
    "no subject": {"sub": None},
    "no client": {"client_id": None},
    "no scope": {"scope": None},
}


@pytest.mark.parametrize("what", WRONG)
async def test_a_token_that_says_something_wrong_is_nobodys_though_the_suite_signed_it(
    suite: Running, people: People, what: str
) -> None:
    signed, key = await people.administrator(), await forge(suite)
    said = {n: v for n, v in (claims(signed.access_token) | WRONG[what]).items() if v is not None}
    token = key.token(said)
    for door in (ACCOUNT[0], ADMINISTRATION[2], ROLES[0]):
        answer = await knock(people, door, token)
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token"), what
    assert await people.introspect(token) == {"active": False}


async def test_a_token_that_is_bound_to_a_key_opens_nothing_without_and_introspection_says_to_which(
    suite: Running, people: People
) -> None:
    signed, key = await people.administrator(), await forge(suite)
    token = key.token(claims(signed.access_token) | {"cnf": {"jkt": "A" * 43}})
    await all_say(people, EVERY_DOOR, token, 401, "invalid_token")
    told = await people.introspect(token)
    assert (told["active"], told["token_type"], told["cnf"]) == (True, "DPoP", {"jkt": "A" * 43})


async def test_who_is_nobody_gets_401_and_never_403(suite: Running, people: People) -> None:
    people.http.cookies.clear()
    for door in EVERY_DOOR:
        answer = await knock(people, door, None)
        assert answer.status_code == 401, (door, answer.text)
        assert answer.json()["code"] in ("authentication_required", "unauthenticated")
    for token in ("x", "a.b.c", secrets.token_urlsafe(40), (await people.administrator()).refresh_token):
        await all_say(people, EVERY_DOOR, token, 401, "invalid_token")
    basic = {"Authorization": "Basic " + "YTpi"}
    for service, method, path, body in EVERY_DOOR:
        answer = await people.http.request(method, people.url(service) + path, json=body, headers=basic)
        assert answer.status_code == 401
