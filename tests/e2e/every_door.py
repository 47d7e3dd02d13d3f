"""Every endpoint and administrative RPC of the suite's own that a token may open, and what they say to one."""

import secrets
from typing import Any

from httpx2 import Response

from tests.harness.calls import bearer, refused
from tests.harness.feeds import nothing_written
from tests.harness.people import People
from tests.harness.running import Running
from watchword.identity.v1 import identity_pb2, identity_pb2_grpc
from watchword.log.v1 import log_pb2, log_pb2_grpc
from watchword.policy.v1 import policy_pb2, policy_pb2_grpc
from watchword.token.v1 import token_pb2, token_pb2_grpc

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
