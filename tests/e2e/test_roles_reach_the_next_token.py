"""Roles and groups in tokens: what changes at policy reaches the next token, and on request the present ones."""

import asyncio
import secrets
import time
from typing import Any

from tests.harness.applications import Application, machine
from tests.harness.people import People, claims
from watchword.policy.v1 import facts_pb2, policy_pb2_grpc
from watchword.policy.v1 import policy_pb2 as pb

Fact = facts_pb2.Fact


async def written(people: People, *write: Any, remove: tuple[Any, ...] = (), recall: bool = False) -> int:
    """The position of policy's log at which it is so."""
    async with people.suite.channel("policy") as channel:
        stub: Any = policy_pb2_grpc.PolicyServiceStub(channel)
        answer = await stub.WriteFacts(pb.WriteFactsRequest(write=write, remove=remove, recall=recall))
    return int(answer.position)


async def token_of(people: People, client: Application, position: int) -> str:
    """A token that is asked for once policy's log has been applied that far."""
    answer = await people.http.post(
        people.url("token") + "/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=client.auth,
        headers={"Watchword-Position": f"policy={position}"},
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


async def test_a_changed_assignment_reaches_the_next_token_and_on_request_the_present_ones(people: People) -> None:
    role, group = f"r{secrets.token_hex(4)}.editor", f"g{secrets.token_hex(4)}"
    client = await machine(people.suite, visible_roles=[f"{role.partition('.')[0]}.*"], visible_groups=[group])
    blind = await machine(people.suite)
    held = Fact(assignment=facts_pb2.Assignment(holder=f"group/{group}", role=role))
    members = [
        Fact(membership=facts_pb2.Membership(member=f"client/{one.client_id}", group=group)) for one in (client, blind)
    ]
    defined = Fact(role=facts_pb2.Role(name=role, actions=["document.read"]))
    position = await written(people, defined, Fact(group=facts_pb2.Group(id=group)), held, *members)
    token = await token_of(people, client, position)
    assert (claims(token)["roles"], claims(token)["groups"]) == ([role], [group])
    assert "roles" not in claims(await token_of(people, blind, position))

    position = await written(people, remove=(held,))
    assert "roles" not in claims(await token_of(people, client, position))
    assert (await people.introspect(token))["active"]

    await written(people, remove=(members[0],), recall=True)
    deadline = time.monotonic() + 5
    while (await people.introspect(token))["active"]:
        assert time.monotonic() < deadline, "the token goes on"
        await asyncio.sleep(0.02)
