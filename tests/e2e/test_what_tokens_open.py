"""What a token opens, and nothing besides: the suite's own REST and RPCs (RULES 9 to 11)."""

from typing import Any

import pytest

from tests.e2e.every_door import (
    ACCOUNT,
    ADMINISTRATION,
    ASKING,
    EVERY_DOOR,
    ROLES,
    SEARCHING,
    all_rpcs_say,
    all_say,
    knock,
)
from tests.harness.applications import Application, machine, own_token, registered
from tests.harness.calls import refused
from tests.harness.feeds import nothing_written
from tests.harness.people import People, claims
from tests.harness.running import Running
from watchword.token.v1 import token_pb2, token_pb2_grpc

pytestmark = pytest.mark.over("feed")


async def test_a_third_party_client_opens_nothing_of_the_suites_own(suite: Running, people: People) -> None:
    client = await machine(suite, scopes=["orders:read", "openid"])
    token = await own_token(people.http, suite, client)
    assert (claims(token)["aud"], claims(token)["scope"]) == (suite.contract.issuer, "orders:read openid")
    await all_say(people, EVERY_DOOR, token, 403, "insufficient_scope")
    await all_rpcs_say(suite, token, "PERMISSION_DENIED", "insufficient_scope")


async def test_the_demos_service_opens_nothing(suite: Running, people: People) -> None:
    service = Application(suite.service.client_id, suite.service.client_secret)
    token = await own_token(people.http, suite, service)
    await all_say(people, EVERY_DOOR, token, 403, "insufficient_scope")
    await all_rpcs_say(suite, token, "PERMISSION_DENIED", "insufficient_scope")


async def test_no_third_party_client_is_registered_with_the_suites_scopes(suite: Running) -> None:
    async with suite.channel("token") as channel, nothing_written(suite):
        stub: Any = token_pb2_grpc.TokenServiceStub(channel)
        for scope in ("watchword:account", "watchword:admin"):
            wanted = token_pb2.Client(confidential=True, grant_types=["client_credentials"], scopes=[scope])
            made = stub.CreateClient(token_pb2.CreateClientRequest(client=wanted))
            assert await refused(made) == ("INVALID_ARGUMENT", "invalid_client_metadata")


async def test_no_client_asks_for_more_than_it_was_registered_with(suite: Running, people: People) -> None:
    client = await machine(suite, scopes=["orders:read"])
    form = {"grant_type": "client_credentials"}
    for more, error in (
        ({"scope": "watchword:admin"}, "invalid_scope"),
        ({"scope": "orders:read orders:write"}, "invalid_scope"),
        ({"resource": "https://elsewhere.example"}, "invalid_target"),
    ):
        answer = await people.http.post(people.url("token") + "/oauth2/token", data=form | more, auth=client.auth)
        assert (answer.status_code, answer.json()["error"]) == (400, error)


async def test_a_persons_token_opens_what_its_scope_says(suite: Running, people: People) -> None:
    person = await people.register()
    made = {"first_party": True, "direct_login": True}
    nothing = await people.login(person, client=(await registered(suite, scopes=["openid"], **made)).client_id)
    own = await people.login(person, client=(await registered(suite, scopes=["watchword:account"], **made)).client_id)
    admin = await people.login(person, client=(await registered(suite, scopes=["watchword:admin"], **made)).client_id)
    await all_say(people, EVERY_DOOR, nothing.access_token, 403, "insufficient_scope")
    await all_say(people, ADMINISTRATION, own.access_token, 403, "insufficient_scope")
    await all_say(people, ACCOUNT, admin.access_token, 403, "insufficient_scope")
    for signed in (own, admin):
        await all_say(people, ASKING + SEARCHING, signed.access_token, 403, "insufficient_scope")
    for signed in (own, admin):
        assert (await knock(people, ROLES[0], signed.access_token)).status_code == 200
    assert (await knock(people, ACCOUNT[0], own.access_token)).json()["account_id"] == person.account_id


async def test_policy_is_asked_with_the_scope_for_it_by_a_client_for_itself_and_never_by_a_person(
    suite: Running, people: People
) -> None:
    for scope, opens, other in (
        ("watchword:evaluate", ASKING, SEARCHING),
        ("watchword:search", SEARCHING, ASKING),
    ):
        token = await own_token(people.http, suite, await machine(suite, scopes=[scope]))
        for door in opens:
            assert (await knock(people, door, token)).status_code == 200, door
        await all_say(people, ACCOUNT + ADMINISTRATION + other, token, 403, "insufficient_scope")
        app = await registered(suite, scopes=[scope, "openid"], first_party=True, direct_login=True)
        person = await people.login(await people.register(), client=app.client_id)
        assert scope in claims(person.access_token)["scope"]
        await all_say(people, ASKING + SEARCHING, person.access_token, 403, "insufficient_scope")


async def test_watchword_admin_opens_nothing_that_policy_does_not_allow(suite: Running, people: People) -> None:
    signed = await people.login(await people.register())
    assert "watchword:admin" in claims(signed.access_token)["scope"]
    await all_say(people, ADMINISTRATION, signed.access_token, 403, "not_allowed")
    await all_rpcs_say(suite, signed.access_token, "PERMISSION_DENIED", "not_allowed")
