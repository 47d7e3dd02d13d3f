"""A revocation wins over whatever is in flight, in every process: nothing below it is accepted afterwards, and nothing
above it was decided without it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.harness.people import People, Person, Signed, claims, signed
from tests.harness.running import Running

LOAD = 64
Target = Callable[[Person, Signed, str], dict[str, str]]

TARGETS: dict[str, Target] = {
    "account": lambda person, login, client: {"subject": person.account_id},
    "session": lambda person, login, client: {"session_id": login.session_id},
    "client": lambda person, login, client: {"client_id": client},
}


async def keep_refreshing(people: People, login: Signed, where: int, stop: asyncio.Event) -> list[str]:
    """Every access token that refreshing gave, until it is refused or told to stop."""
    given, token = [], login.refresh_token
    while not stop.is_set():
        answer = await people.refresh(token, where)
        assert answer.status_code in (200, 400), answer.text
        if answer.status_code == 400:
            assert answer.json()["error"] == "invalid_grant"
            break
        given.append(answer.json()["access_token"])
        token = answer.json()["refresh_token"]
    return given


async def keep_logging_in(people: People, person: Person, where: int, stop: asyncio.Event) -> list[str]:
    """Every access token that logging in gave."""
    given = []
    while not stop.is_set():
        answer = await people.try_login(person.username, person.password, where, people.suite.app)
        assert answer.status_code in (200, 401, 429, 503), answer.text
        if answer.status_code == 200:
            given.append(signed(answer).access_token)
        else:
            await asyncio.sleep(0.2)
    return given


@pytest.mark.parametrize("target", TARGETS)
async def test_nothing_below_is_accepted_and_nothing_above_was_decided_without_it(
    suite: Running, people: People, target: str
) -> None:
    suite.second("token")
    suite.second("identity")
    person, admin = await people.register(), await people.administrator()
    login = await people.login(person)
    others = [await people.login(person) for _ in range(4)]
    stop = asyncio.Event()
    work: list[Awaitable[list[str]]] = [retry_for_ever(people, login, where % 2, stop) for where in range(LOAD - 6)]
    work += [keep_refreshing(people, one, where % 2, stop) for where, one in enumerate(others)]
    work += [keep_logging_in(people, person, where, stop) for where in (0, 1)]
    busy = asyncio.gather(*work)
    await asyncio.sleep(0.5)
    revoked = await people.revoke(admin, 0, **TARGETS[target](person, login, suite.app))
    refused = [await people.refresh(login.refresh_token, where) for where in (0, 1)]
    assert {answer.json().get("error") for answer in refused} == {"invalid_grant"}
    stop.set()
    tokens = [login.access_token, *(token for given in await busy for token in given)]
    ended = {login.session_id} if target == "session" else {login.session_id, *(one.session_id for one in others)}
    for said in map(claims, tokens):
        assert said["pos"] < revoked["position"] or said["sid"] not in ended, said
    below = [token for token in tokens if claims(token)["pos"] < revoked["position"]]
    concerned = [token for token in below if target != "session" or claims(token)["sid"] in ended]
    assert concerned
    for token in concerned:
        active = [(await people.introspect(token, where))["active"] for where in (0, 1)]
        assert active == [False, False], claims(token)


async def retry_for_ever(people: People, login: Signed, where: int, stop: asyncio.Event) -> list[str]:
    """The first refresh token, again and again: a retry, or refused, and never a 5xx."""
    given = []
    while not stop.is_set():
        answer = await people.refresh(login.refresh_token, where)
        assert answer.status_code in (200, 400), answer.text
        if answer.status_code == 400:
            break
        given.append(answer.json()["access_token"])
        await asyncio.sleep(0.05)
    return given
