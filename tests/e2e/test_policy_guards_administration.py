"""No hidden superuser: policy decides who administers any of the services; where it cannot, that is refused."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
import pytest

from tests.harness.people import People, Signed
from tests.harness.running import Running
from watchword.policy.v1 import policy_pb2 as pb
from watchword.policy.v1 import policy_pb2_grpc

pytestmark = pytest.mark.over("feed")

ALLOWED, REFUSED = (200, ""), (403, "not_allowed")


@asynccontextmanager
async def policy(people: People, kind: Any = "operator", who: str = "admin") -> AsyncIterator[Any]:
    async with people.suite.channel("policy", kind, who) as channel:
        yield policy_pb2_grpc.PolicyServiceStub(channel)


async def doors(people: People, signed: Signed) -> list[tuple[int, str]]:
    """What each service says to a bearer that wants to administer: identity, token, policy."""
    victim = (await people.register()).account_id
    disable = await people.post("identity", f"/v1/accounts/{victim}/disable", headers=signed.bearer, reason="a test")
    revoke = await people.post("token", "/v1/revocations", headers=signed.bearer, subject=victim, reason="a test")
    answers = [(one.status_code, one.json().get("code", "")) for one in (disable, revoke)]
    return [*answers, await define(people, signed)]


async def define(people: People, signed: Signed) -> tuple[int, str]:
    """Defining a role with a bearer, from a backend that may not do so itself; said as REST says it."""
    metadata = (("authorization", signed.bearer["Authorization"]),)
    async with policy(people, "backend", "demo") as stub:
        try:
            await stub.DefineRole(pb.DefineRoleRequest(role="tester", actions=["test"]), metadata=metadata)
        except grpc.aio.AioRpcError as error:
            codes = {grpc.StatusCode.PERMISSION_DENIED: 403, grpc.StatusCode.UNAUTHENTICATED: 401}
            return codes.get(error.code(), 503), "not_allowed" if "policy does not allow" in (
                error.details() or ""
            ) else "?"
    return ALLOWED


async def until_doors(people: People, signed: Signed, expected: list[tuple[int, str]]) -> None:
    deadline = time.monotonic() + 10
    while (found := await doors(people, signed)) != expected:
        assert time.monotonic() < deadline, f"{found} and not {expected}"
        await asyncio.sleep(0.05)


async def test_the_scope_alone_administers_nothing(people: People) -> None:
    signed = await people.login(await people.register())
    assert await doors(people, signed) == [REFUSED] * 3


async def test_the_first_administrator_administers_all_three(people: People) -> None:
    assert await doors(people, await people.administrator()) == [ALLOWED] * 3


async def test_a_role_that_is_given_opens_and_one_that_is_taken_back_closes(people: People) -> None:
    person = await people.register()
    signed = await people.login(person)
    subject = pb.Entity(type="account", id=person.account_id)
    async with policy(people) as stub:
        await stub.AssignRole(pb.AssignRoleRequest(role="administrator", subject=subject))
        await until_doors(people, signed, [ALLOWED] * 3)
        await stub.UnassignRole(pb.UnassignRoleRequest(role="administrator", subject=subject))
        await until_doors(people, signed, [REFUSED] * 3)


async def test_a_role_opens_what_it_names_and_nothing_else(people: People) -> None:
    person = await people.register()
    signed = await people.login(person)
    subject = pb.Entity(type="account", id=person.account_id)
    async with policy(people) as stub:
        await stub.DefineRole(pb.DefineRoleRequest(role="helpdesk", actions=["identity.account.*"]))
        await stub.AssignRole(pb.AssignRoleRequest(role="helpdesk", subject=subject))
        await until_doors(people, signed, [ALLOWED, REFUSED, REFUSED])


async def test_without_policy_an_administrators_request_is_refused_and_people_go_on(
    suite: Running, people: People
) -> None:
    admin, person = await people.administrator(), await people.register()
    pid = suite.pid("policy")
    os.kill(pid, signal.SIGSTOP)
    try:
        disable = await people.post(
            "identity", f"/v1/accounts/{person.account_id}/disable", headers=admin.bearer, reason="a test"
        )
        revoke = await people.post(
            "token", "/v1/revocations", headers=admin.bearer, subject=person.account_id, reason="a test"
        )
        assert [(one.status_code, one.json()["code"]) for one in (disable, revoke)] == [(503, "policy_unavailable")] * 2
        signed = await people.login(person)
        assert (await people.refresh(signed.refresh_token)).status_code == 200
    finally:
        os.kill(pid, signal.SIGCONT)
    await until_doors(people, await people.administrator(), [ALLOWED] * 3)
