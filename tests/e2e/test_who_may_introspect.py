"""Introspection answers whom a token concerns; to all others no token is active, and nothing more (RULES 9)."""

from typing import Any

import pytest

from tests.harness.applications import Application, machine, own_token, registered
from tests.harness.feeds import nothing_written
from tests.harness.people import People, claims
from tests.harness.running import Running
from watchword.token.v1 import token_pb2, token_pb2_grpc

pytestmark = pytest.mark.over("feed")

PLAIN = "spiffe://watchword/backend/plain"


async def test_introspection_answers_whom_a_token_concerns_and_nobody_else(suite: Running, people: People) -> None:
    owner, meant, stranger = await machine(suite), await machine(suite), await machine(suite)
    talking = await machine(suite, audiences=[meant.client_id, PLAIN])
    token = await own_token(people.http, suite, owner)
    to_meant = await own_token(people.http, suite, talking)
    to_plain = await own_token(people.http, suite, talking, resource=PLAIN)

    async def asked(client: Application, presented: str) -> dict[str, Any]:
        url = people.url("token") + "/oauth2/introspect"
        answer = await people.http.post(url, data={"token": presented}, auth=client.auth)
        found: dict[str, Any] = answer.json()
        return found

    described = await asked(owner, token)
    assert described["active"]
    assert {name: described[name] for name in claims(token)} == claims(token)
    assert (await asked(meant, to_meant))["active"]
    assert (await asked(talking, to_meant))["active"]
    assert (await people.introspect(token))["active"]
    for client, presented in ((stranger, token), (meant, token), (owner, to_meant), (meant, to_plain)):
        assert await asked(client, presented) == {"active": False}

    async with suite.channel("token", "backend", "plain") as channel:
        stub: Any = token_pb2_grpc.TokenServiceStub(channel)
        batch = token_pb2.BatchIntrospectRequest(tokens=[token, to_meant, to_plain, "nonsense"])
        answers = (await stub.BatchIntrospect(batch)).responses
        assert [answer.active for answer in answers] == [False, False, True, False]
        assert [len(answer.claims.fields) for answer in answers if not answer.active] == [0, 0, 0]
    async with suite.channel("token", "backend", "demo") as channel:
        any_ = await token_pb2_grpc.TokenServiceStub(channel).Introspect(token_pb2.IntrospectRequest(token=token))
        assert any_.active
        assert dict(any_.claims)["client_id"] == owner.client_id


async def test_a_refresh_token_is_known_to_its_own_client_alone(suite: Running, people: People) -> None:
    made = {"first_party": True, "direct_login": True, "confidential": True}
    own = await registered(suite, grant_types=["refresh_token"], scopes=["watchword:account"], **made)
    signed = await people.login(await people.register(), client=own.client_id)
    url = people.url("token") + "/oauth2/introspect"
    mine = await people.http.post(url, data={"token": signed.refresh_token}, auth=own.auth)
    assert mine.json()["active"] is True
    assert mine.json()["client_id"] == own.client_id
    assert await people.introspect(signed.refresh_token) == {"active": False}, "not even to introspect:any"
    for kind, who in (("backend", "demo"), ("operator", "admin")):
        async with suite.channel("token", kind, who) as channel:  # type: ignore[arg-type]
            stub: Any = token_pb2_grpc.TokenServiceStub(channel)
            assert not (await stub.Introspect(token_pb2.IntrospectRequest(token=signed.refresh_token))).active


async def test_introspection_is_for_clients_that_prove_who_they_are(suite: Running, people: People) -> None:
    signed = await people.login(await people.register())
    url, service = people.url("token") + "/oauth2/introspect", suite.service
    none = await people.http.post(url, data={"token": signed.access_token})
    wrong = [(service.client_id, "wrong"), ("nobody", service.client_secret), (service.client_id, "")]
    for answer in (
        none,
        *[await people.http.post(url, data={"token": signed.access_token}, auth=auth) for auth in wrong],
    ):
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        assert "active" not in answer.json()
    public = await people.http.post(url, data={"token": signed.access_token, "client_id": suite.app})
    assert (public.status_code, public.json()["error"]) == (400, "unauthorized_client")


async def test_a_client_revokes_its_own_tokens_only(suite: Running, people: People) -> None:
    owner, stranger = await machine(suite), await machine(suite)
    token = await own_token(people.http, suite, owner)
    url = people.url("token") + "/oauth2/revoke"
    async with nothing_written(suite):
        others = await people.http.post(url, data={"token": token}, auth=stranger.auth)
        assert (others.status_code, others.json()["error"]) == (400, "unauthorized_client")
        unknown = await people.http.post(url, data={"token": "nonsense"}, auth=stranger.auth)
        assert unknown.status_code == 200, "RFC 7009 2.2"
    assert (await people.introspect(token))["active"]
    assert (await people.http.post(url, data={"token": token}, auth=owner.auth)).status_code == 200
    assert await people.introspect(token) == {"active": False}
