"""Token is down when identity ends something: identity says at once that it has not been applied, and as soon as token
is back it happens all the same, by reaction to the event, and once."""

import asyncio
from collections.abc import Sequence
from functools import partial

import httpx2

from chassis.rpc import ask
from eventlog.events import Recorded
from suite.operator import operator
from tests.fault.breaking import all_ready, eventually, kept_down, stopped
from tests.fault.customers import cookie_of
from tests.fault.logs import body, named, read_logs
from tests.harness.people import PASSWORD, People, Person, Signed
from tests.harness.running import Running
from watchword.identity.v1.identity_pb2 import DisableAccountRequest, EnableAccountRequest

NEW_PASSWORD = "another correct horse battery 7"
REACTING = "service/token"


async def in_session(people: People, login: Signed, method: str, path: str, **body: str) -> httpx2.Response:
    """Asks identity as the browser of a login."""
    headers = {"Cookie": cookie_of(login), "X-CSRF-Token": login.csrf_token}
    url = people.url("identity") + path
    answer = await people.http.request(method, url, headers=headers, json=body or None)
    people.http.cookies.clear()
    return answer


async def refused(people: People, login: Signed) -> bool:
    """Whether nothing of the login is taken any more: its access token, its refresh token, its cookie."""
    cookie = (await in_session(people, login, "GET", "/v1/account")).status_code
    introspected = await people.introspect(login.access_token)
    if introspected["active"] or cookie != 401:
        return False
    answer = await people.refresh(login.refresh_token)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    return True


async def until_refused(people: People, *logins: Signed) -> None:
    for login in logins:
        await eventually(partial(refused, people, login), f"{login.session_id} is refused everywhere")


def revocations(rows: Sequence[Recorded], **target: str) -> list[Recorded]:
    found = named(rows, "session.revoked", "subject.revoked")
    return [row for row in found if target.items() <= body(row).items()]


async def test_a_logout_while_token_is_down_is_not_applied_yet_and_is_once_it_is_back(
    suite: Running, people: People
) -> None:
    person = await people.register()
    login, other = await people.login(person), await people.login(person)
    async with kept_down(suite, people, "token"):
        answer = await in_session(people, login, "POST", "/v1/logout")
        assert (answer.status_code, answer.json()["applied"]) == (200, False)
        assert (await in_session(people, login, "GET", "/v1/account")).status_code == 401
        assert (await in_session(people, other, "GET", "/v1/account")).status_code == 200
    await until_refused(people, login)
    assert (await people.refresh(other.refresh_token)).status_code == 200
    made = revocations((await read_logs(suite))["token"], session_id=login.session_id)
    assert [row.actor for row in made] == [REACTING]


async def test_a_log_out_everywhere_while_token_is_down_ends_every_session_once_it_is_back(
    suite: Running, people: People
) -> None:
    person = await people.register()
    logins = [await people.login(person) for _ in range(3)]
    async with kept_down(suite, people, "token"):
        answer = await in_session(people, logins[0], "DELETE", "/v1/sessions")
        assert (answer.status_code, answer.json()["applied"]) == (200, False)
    await until_refused(people, *logins)
    made = revocations((await read_logs(suite))["token"], subject=person.account_id)
    assert [(row.actor, body(row)["before_session_position"]) for row in made] == [
        (REACTING, answer.json()["position"])
    ]


async def test_a_password_change_while_token_is_down_ends_the_others_and_spares_its_own_once_it_is_back(
    suite: Running, people: People
) -> None:
    person = await people.register()
    mine, other = await people.login(person), await people.login(person)
    async with kept_down(suite, people, "token"):
        words = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
        answer = await in_session(people, mine, "PUT", "/v1/account/password", **words)
        assert (answer.status_code, answer.json()["applied"]) == (200, False)
    await until_refused(people, other)
    assert (await people.refresh(mine.refresh_token)).status_code == 200
    again = await people.login(Person(person.username, NEW_PASSWORD, person.account_id))
    assert (await people.introspect(again.access_token))["active"]
    made = revocations((await read_logs(suite))["token"], subject=person.account_id)
    assert [(row.actor, body(row)["spared_session_id"]) for row in made] == [(REACTING, mine.session_id)]


async def test_a_disabling_while_token_is_down_ends_all_once_it_is_back(suite: Running, people: People) -> None:
    person = await people.register()
    login = await people.login(person)
    async with operator(suite.place, suite.fleet.target) as peers:
        async with kept_down(suite, people, "token"):
            request = DisableAccountRequest(account_id=person.account_id, reason="a test")
            disabled = await ask(peers.identity.DisableAccount, request)
            assert not disabled.applied
            denied = await people.try_login(person.username, person.password)
            assert (denied.status_code, denied.json()["code"]) == (401, "invalid_credentials")
        await until_refused(people, login)
        await ask(peers.identity.EnableAccount, EnableAccountRequest(account_id=person.account_id, reason="a test"))
    assert await refused(people, login)
    assert (await people.introspect((await people.login(person)).access_token))["active"]


async def test_what_ends_while_token_is_stopped_is_answered_soon_and_happens_once_when_it_goes_on(
    suite: Running, people: People
) -> None:
    person = await people.register()
    logins = [await people.login(person) for _ in range(3)]
    with stopped(suite.pid("token"), *(one.process.pid for one in suite.seconds.values())):
        answers = await asyncio.wait_for(
            asyncio.gather(*(in_session(people, one, "POST", "/v1/logout") for one in logins)), 10
        )
    assert {(answer.status_code, answer.json()["applied"]) for answer in answers} == {(200, False)}
    await all_ready(people)
    await until_refused(people, *logins)
    rows = (await read_logs(suite))["token"]
    for login in logins:
        assert len(revocations(rows, session_id=login.session_id)) == 1
