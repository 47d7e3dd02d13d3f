"""What a token opens, and nothing besides: the suite's own REST and RPCs (RULES 9 to 11)."""

import secrets
import time
from collections.abc import Callable
from typing import Any

import pytest
from httpx2 import Response

from tests.harness.applications import Application, machine, own_token, registered
from tests.harness.calls import bearer, refused
from tests.harness.feeds import correlated, nothing_written
from tests.harness.forging import forge
from tests.harness.people import People, claims
from tests.harness.running import Running
from watchword.identity.v1 import identity_pb2, identity_pb2_grpc
from watchword.log.v1 import log_pb2, log_pb2_grpc
from watchword.policy.v1 import policy_pb2, policy_pb2_grpc
from watchword.token.v1 import token_pb2, token_pb2_grpc

pytestmark = pytest.mark.over("feed")

ACCOUNT = [
    ("identity", "GET", "/v1/account", None),
    ("identity", "GET", "/v1/sessions", None),
    ("identity", "DELETE", "/v1/sessions", None),
    ("identity", "DELETE", "/v1/sessions/ses_another", None),
    ("identity", "POST", "/v1/logout", None),
    ("identity", "PUT", "/v1/account/password", {"current_password": "a", "new_password": "b"}),
]
ADMINISTRATION = [
    ("identity", "POST", "/v1/accounts/acc_another/disable", {"reason": "a test"}),
    ("identity", "POST", "/v1/accounts/acc_another/enable", {"reason": "a test"}),
    ("token", "POST", "/v1/revocations", {"subject": "acc_another", "reason": "a test"}),
    ("token", "GET", "/v1/clients", None),
    ("token", "POST", "/v1/clients", {"name": "another"}),
    ("token", "GET", "/v1/clients/another", None),
    ("token", "PUT", "/v1/clients/another", {"name": "another"}),
    ("token", "POST", "/v1/clients/another/secret", {}),
    ("token", "DELETE", "/v1/clients/another", None),
    ("policy", "POST", "/v1/facts", {"write": [{"kind": "group", "id": "another"}]}),
    ("policy", "GET", "/v1/facts", None),
]
QUESTION = {
    "subject": {"type": "account", "id": "acc_another"},
    "action": {"name": "document.read"},
    "resource": {"type": "document", "id": "7"},
}
ASKING = [("policy", "POST", f"/access/v1/{what}", QUESTION) for what in ("evaluation", "evaluations")]
SEARCHING = [
    *(("policy", "POST", f"/access/v1/search/{what}", QUESTION) for what in ("subject", "resource", "action")),
    ("policy", "POST", "/v1/explain", QUESTION),
]
ROLES = [("policy", "GET", "/v1/roles", None)]
EVERY_DOOR = ACCOUNT + ADMINISTRATION + ASKING + SEARCHING + ROLES

Call = Callable[[dict[str, Any]], Any]


async def knock(people: People, door: tuple[str, str, str, Any], token: str | None) -> Response:
    service, method, path, body = door
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return await people.http.request(method, people.url(service) + path, json=body, headers=headers)


async def all_say(people: People, doors: list[Any], token: str | None, status: int, code: str) -> None:
    async with nothing_written(people.suite):
        for door in doors:
            answer = await knock(people, door, token)
            assert (answer.status_code, answer.json().get("code")) == (status, code), (door, answer.text)
            assert "bearer" in answer.headers.get("www-authenticate", "").lower() or code == "not_allowed"


def administrative(channels: dict[str, Any], metadata: Any) -> list[Any]:
    """One call of every administrative RPC that a bearer may make."""
    identity: Any = identity_pb2_grpc.IdentityServiceStub(channels["identity"])
    token: Any = token_pb2_grpc.TokenServiceStub(channels["token"])
    policy: Any = policy_pb2_grpc.PolicyServiceStub(channels["policy"])
    name = f"nobody-{secrets.token_hex(4)}"
    entity = policy_pb2.Entity(type="account", id="acc_another")
    calls = [
        identity.CreateAccount(identity_pb2.CreateAccountRequest(username=name, password=name), metadata=metadata),
        identity.DisableAccount(identity_pb2.DisableAccountRequest(account_id="a", reason="b"), metadata=metadata),
        identity.EnableAccount(identity_pb2.EnableAccountRequest(account_id="a", reason="b"), metadata=metadata),
        identity.FindAccount(identity_pb2.FindAccountRequest(username="admin"), metadata=metadata),
        token.Revoke(token_pb2.RevokeRequest(subject="acc_another"), metadata=metadata),
        token.CreateClient(token_pb2.CreateClientRequest(), metadata=metadata),
        token.GetClient(token_pb2.GetClientRequest(client_id="another"), metadata=metadata),
        token.UpdateClient(token_pb2.UpdateClientRequest(), metadata=metadata),
        token.RotateClientSecret(token_pb2.RotateClientSecretRequest(client_id="another"), metadata=metadata),
        token.DeleteClient(token_pb2.DeleteClientRequest(client_id="another"), metadata=metadata),
        token.ListClients(token_pb2.ListClientsRequest(), metadata=metadata),
        token.ListKeys(token_pb2.ListKeysRequest(), metadata=metadata),
        token.RotateKey(token_pb2.RotateKeyRequest(), metadata=metadata),
        policy.DefineRole(policy_pb2.DefineRoleRequest(role=name, actions=["*"]), metadata=metadata),
        policy.AssignRole(policy_pb2.AssignRoleRequest(role="administrator", subject=entity), metadata=metadata),
        policy.UnassignRole(policy_pb2.UnassignRoleRequest(role="administrator", subject=entity), metadata=metadata),
    ]
    for channel in channels.values():
        projections: Any = log_pb2_grpc.ProjectionServiceStub(channel)
        calls += [
            projections.ListProjections(log_pb2.ListProjectionsRequest(), metadata=metadata),
            projections.RebuildProjection(log_pb2.RebuildProjectionRequest(name="trust"), metadata=metadata),
            projections.RetryParked(log_pb2.RetryParkedRequest(name="trust"), metadata=metadata),
        ]
    return calls


async def all_rpcs_say(suite: Running, token: str, status: str, reason: str) -> None:
    channels = {name: suite.channel(name, "backend", "plain") for name in ("identity", "token", "policy")}
    async with nothing_written(suite):
        for call in administrative(channels, bearer(token)):
            assert await refused(call) == (status, reason), call
    for channel in channels.values():
        await channel.close()


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


async def test_an_administrators_bearer_opens_administration_through_any_backend_and_is_the_actor(
    suite: Running, people: People
) -> None:
    admin, person = await people.administrator(), await people.register()
    mark = f"mark-{secrets.token_hex(6)}"
    metadata = bearer(admin.access_token)
    metadata.add("watchword-correlation-id", mark)
    async with (
        suite.channel("identity", "backend", "plain") as identity,
        suite.channel("token", "backend", "plain") as token,
        suite.channel("policy", "backend", "plain") as policy,
    ):
        people_: Any = identity_pb2_grpc.IdentityServiceStub(identity)
        wanted = identity_pb2.DisableAccountRequest(account_id=person.account_id, reason="a test")
        done = await people_.DisableAccount(wanted, metadata=metadata)
        assert done.applied
        clients: Any = token_pb2_grpc.TokenServiceStub(token)
        made = await clients.CreateClient(token_pb2.CreateClientRequest(), metadata=metadata)
        roles: Any = policy_pb2_grpc.PolicyServiceStub(policy)
        role = policy_pb2.DefineRoleRequest(role=f"r{secrets.token_hex(4)}", actions=["orders.read"])
        defined = await roles.DefineRole(role, metadata=metadata)
    for name, position in (("identity", done.position), ("token", made.position), ("policy", defined.position)):
        written = await correlated(suite, name, mark, position - 1)
        assert {event.actor for event in written} == {admin.account_id}, name


async def test_a_role_opens_what_it_names_and_nothing_else(suite: Running, people: People) -> None:
    person, role = await people.register(), f"r{secrets.token_hex(4)}"
    named = ["token.client.list", "policy.projection.list", "identity.account.find"]
    async with suite.channel("policy") as channel:
        roles: Any = policy_pb2_grpc.PolicyServiceStub(channel)
        await roles.DefineRole(policy_pb2.DefineRoleRequest(role=role, actions=named))
        subject = policy_pb2.Entity(type="account", id=person.account_id)
        await roles.AssignRole(policy_pb2.AssignRoleRequest(role=role, subject=subject))
    metadata = bearer((await people.login(person)).access_token)
    async with (
        suite.channel("identity", "backend", "plain") as identity,
        suite.channel("token", "backend", "plain") as token,
        suite.channel("policy", "backend", "plain") as policy,
    ):
        clients: Any = token_pb2_grpc.TokenServiceStub(token)
        projections: Any = log_pb2_grpc.ProjectionServiceStub(policy)
        accounts: Any = identity_pb2_grpc.IdentityServiceStub(identity)
        find = identity_pb2.FindAccountRequest(username=person.username)
        assert (await clients.ListClients(token_pb2.ListClientsRequest(), metadata=metadata)).clients
        assert (await projections.ListProjections(log_pb2.ListProjectionsRequest(), metadata=metadata)).projections
        assert (await accounts.FindAccount(find, metadata=metadata)).account_id == person.account_id
        keys = clients.ListKeys(token_pb2.ListKeysRequest(), metadata=metadata)
        assert await refused(keys) == ("PERMISSION_DENIED", "not_allowed")


async def test_a_backend_without_a_bearer_administers_nothing(suite: Running) -> None:
    channels = {name: suite.channel(name, "backend", "plain") for name in ("identity", "token", "policy")}
    async with nothing_written(suite):
        for call in administrative(channels, None):
            assert await refused(call) == ("PERMISSION_DENIED", "caller_not_allowed")
    for channel in channels.values():
        await channel.close()
