"""An application asks policy as AuthZEN says, for people who are signed in: what they may do, and for how long."""

import asyncio
import secrets
import time
from typing import Any

import httpx2
import pytest

from tests.harness.applications import ask_token, machine, own_token
from tests.harness.people import People, Signed
from tests.harness.running import Running

pytestmark = pytest.mark.over("feed")

BOTH = ["watchword:evaluate", "watchword:search"]


class Application:
    """It has a token of its own, and those of the people who use it."""

    def __init__(self, people: People, token: str) -> None:
        self._people, self._token = people, token

    @classmethod
    async def of(cls, people: People) -> "Application":
        return cls(people, await own_token(people.http, people.suite, await machine(people.suite, scopes=BOTH)))

    async def ask(self, path: str, body: Any, **headers: str) -> dict[str, Any]:
        sent = {"Authorization": f"Bearer {self._token}"} | headers
        answer = await self._people.http.post(self._people.url("policy") + path, json=body, headers=sent)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def may(self, signed: Signed, action: str, document: str, **headers: str) -> str:
        """The code of the answer for a person by their token."""
        body = question(signed.account_id, action, document, access_token=signed.access_token)
        answer = await self.ask("/access/v1/evaluation", body, **headers)
        assert answer["decision"] is (answer["context"]["code"] == "allowed")
        return str(answer["context"]["code"])

    async def until(self, code: str, signed: Signed, action: str, document: str) -> None:
        deadline = time.monotonic() + 10
        while (found := await self.may(signed, action, document)) != code:
            assert time.monotonic() < deadline, f"{found} and not {code}"
            await asyncio.sleep(0.02)


def question(account_id: str, action: str, document: str, **ours: Any) -> dict[str, Any]:
    return {
        "subject": {"type": "account", "id": account_id},
        "action": {"name": action},
        "resource": {"type": "document", "id": document},
        "context": {"ip": "192.0.2.7", "watchword": ours},
    }


async def change(people: People, **body: Any) -> dict[str, str]:
    """Facts that an administrator writes; how to ask for what is so then."""
    admin = await people.administrator()
    answer = await people.http.post(people.url("policy") + "/v1/facts", json=body, headers=admin.bearer)
    assert answer.status_code == 200, answer.text
    return {"Watchword-Position": answer.headers["Watchword-Position"]}


async def test_what_a_person_may_do_follows_facts_and_ends_with_the_session(people: People) -> None:
    app, person = await Application.of(people), await people.register()
    signed, folder, document = await people.login(person), f"f{secrets.token_hex(4)}", f"d{secrets.token_hex(4)}"
    role = f"r{secrets.token_hex(4)}"
    assert await app.may(signed, "document.read", document) == "no_matching_role"
    given = {
        "kind": "assignment",
        "holder": f"account/{person.account_id}",
        "role": role,
        "resource": f"folder/{folder}",
    }
    so = await change(
        people,
        write=[
            {"kind": "role", "name": role, "actions": ["document.read"]},
            given,
            {"kind": "parent", "resource": f"document/{document}", "parent": f"folder/{folder}"},
        ],
    )
    assert await app.may(signed, "document.read", document, **so) == "allowed"
    assert await app.may(signed, "document.write", document) == "no_matching_role"
    why = await app.ask("/v1/explain", question(person.account_id, "document.read", document))
    subject = f"account/{person.account_id}"
    assert why["chains"][0]["steps"] == [subject, role, f"on folder/{folder}", f"contains document/{document}"]
    who = question(person.account_id, "document.read", document) | {"subject": {"type": "account"}, "context": {}}
    assert {"type": "account", "id": person.account_id} in (await app.ask("/access/v1/search/subject", who))["results"]
    out = await people.http.delete(people.url("identity") + "/v1/sessions", headers=signed.bearer)
    assert out.status_code == 200
    await app.until("session_revoked", signed, "document.read", document)
    again = await people.login(person)
    assert await app.may(again, "document.read", document) == "allowed"
    gone = await change(people, remove=[given])
    assert await app.may(again, "document.read", document, **gone) == "no_matching_role"


async def test_a_token_counts_whatever_the_request_says_and_is_in_no_log(suite: Running, people: People) -> None:
    app, mine, other = await Application.of(people), await people.register(), await people.register()
    signed, document = await people.login(mine), f"d{secrets.token_hex(4)}"
    so = await change(
        people, write=[{"kind": "owner", "resource": f"document/{document}", "owner": f"account/{other.account_id}"}]
    )
    said = question(other.account_id, "document.read", document)
    assert (await app.ask("/access/v1/evaluation", said, **so))["decision"] is True
    with_token = question(other.account_id, "document.read", document, access_token=signed.access_token)
    assert (await app.ask("/access/v1/evaluation", with_token))["decision"] is False
    many = await app.ask("/access/v1/evaluations", with_token | {"evaluations": [{}, {"context": {"ip": "::1"}}]})
    assert [one["decision"] for one in many["evaluations"]] == [False, False]
    for log in suite.place.logs.iterdir():
        assert signed.access_token not in log.read_text(errors="replace"), log


async def test_a_disabled_account_is_denied_with_the_reason(people: People) -> None:
    app, person = await Application.of(people), await people.register()
    document, admin = f"d{secrets.token_hex(4)}", await people.administrator()
    owner = {"kind": "owner", "resource": f"document/{document}", "owner": f"account/{person.account_id}"}
    so = await change(people, write=[owner])
    asked = question(person.account_id, "document.read", document)
    assert (await app.ask("/access/v1/evaluation", asked, **so))["decision"] is True
    path = f"/v1/accounts/{person.account_id}/disable"
    disabled = await people.post("identity", path, headers=admin.bearer, reason="a test")
    at = {"Watchword-Position": f"identity={disabled.json()['position']}"}
    assert (await app.ask("/access/v1/evaluation", asked, **at))["context"]["code"] == "subject_disabled"


async def test_the_scopes_are_granted_to_a_client_and_asked_for_by_nobody_else(suite: Running, people: People) -> None:
    client = await machine(suite, scopes=["orders:read"])
    for scope in BOTH:
        answer = await ask_token(people.http, suite, client, grant_type="client_credentials", scope=scope)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


async def test_policy_says_where_it_is_asked(suite: Running, people: People) -> None:
    url = suite.url("policy")
    answer = await people.http.get(f"{url}/.well-known/authzen-configuration", headers={"Host": "evil.example"})
    endpoints = {name: one for name, one in answer.json().items() if name.endswith("_endpoint")}
    assert answer.json()["policy_decision_point"] == url
    assert len(endpoints) == 5
    token = await own_token(people.http, suite, await machine(suite, scopes=BOTH))
    for endpoint in endpoints.values():
        body = question("acc_nobody", "document.read", "7")
        asked = await people.http.post(endpoint, json=body, headers={"Authorization": f"Bearer {token}"})
        assert asked.status_code == 200, asked.text
        assert endpoint.startswith(url)


async def test_an_answer_carries_the_name_that_its_request_had(suite: Running, people: People) -> None:
    name = {"X-Request-ID": f"{secrets.token_hex(8)} of a test"}
    token = await own_token(people.http, suite, await machine(suite, scopes=BOTH))
    url = suite.url("policy") + "/access/v1/evaluation"
    answers: list[httpx2.Response] = [
        await people.http.post(url, json=body, headers=name | headers)
        for body in (question("acc_nobody", "document.read", "7"), {}, "x" * 100_000)
        for headers in ({"Authorization": f"Bearer {token}"}, {})
    ]
    assert [one.status_code for one in answers] == [200, 401, 400, 401, 413, 413]
    assert {one.headers["x-request-id"] for one in answers} == {name["X-Request-ID"]}
