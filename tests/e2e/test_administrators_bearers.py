"""An administrator's bearer opens administration through any backend, as far as its roles go, and nothing else does."""

import secrets
from typing import Any

import pytest

from tests.e2e.every_door import administrative
from tests.harness.calls import bearer, refused
from tests.harness.feeds import correlated, nothing_written
from tests.harness.people import People
from tests.harness.running import Running
from watchword.identity.v1 import identity_pb2, identity_pb2_grpc
from watchword.log.v1 import log_pb2, log_pb2_grpc
from watchword.policy.v1 import policy_pb2, policy_pb2_grpc
from watchword.token.v1 import token_pb2, token_pb2_grpc

pytestmark = pytest.mark.over("feed")


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
