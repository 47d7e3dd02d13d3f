"""Policy as it runs: real processes on PostgreSQL, mutual TLS, and the logs of identity and token beside it."""

import grpc
import httpx2
import pytest

from tests.harness.calls import refused
from tests.integration.policy_suite import ADMIN, Policy, Suite, question
from watchword.log.v1 import log_pb2, log_pb2_grpc
from watchword.policy.v1 import policy_pb2 as pb

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_backend_asks_and_changes_nothing(suite: Suite, policy: Policy) -> None:
    async with suite.caller(policy) as backend:
        assert await backend.code(f"account/{ADMIN}", "anything", resource="document/7") == "allowed"
        assert await backend.code("account/acc_nobody", "anything", resource="document/7") == "subject_unknown"
        define = backend.policy.DefineRole(pb.DefineRoleRequest(role="mine", actions=["*"]))
        assert (await refused(define))[0] == "PERMISSION_DENIED"


async def test_a_batch_is_answered_item_by_item_in_order(suite: Suite, policy: Policy) -> None:
    checks = [
        question(f"account/{ADMIN}", "anything"),
        question("nonsense", ""),
        question("account/acc_nobody", "anything"),
    ]
    async with suite.caller(policy) as backend:
        answer = await backend.policy.BatchCheck(pb.BatchCheckRequest(checks=checks))
        assert [one.code for one in answer.responses] == ["allowed", "malformed", "subject_unknown"]
        many = pb.BatchCheckRequest(checks=[checks[0]] * 1000)
        assert len((await backend.policy.BatchCheck(many)).responses) == 1000
        many.checks.append(checks[0])
        assert await refused(backend.policy.BatchCheck(many)) == ("INVALID_ARGUMENT", "too_many_checks")


@pytest.mark.parametrize("scope", ["account", "admin", "evaluate", "search"])
async def test_any_bearer_for_the_suite_reads_the_roles(suite: Suite, policy: Policy, scope: str) -> None:
    async with httpx2.AsyncClient(trust_env=False) as client:
        bearer = {"authorization": f"Bearer {suite.bearer(ADMIN, f'watchword:{scope}')}"}
        answer = await client.get(f"{policy.rest}/v1/roles", headers=bearer)
    assert answer.status_code == 200
    assert {
        "name": "administrator",
        "description": "May do everything.",
        "actions": ["*"],
        "inherits": [],
    } in answer.json()["roles"]
    assert answer.json()["position"] >= 3


async def test_nobody_else_reads_the_roles(suite: Suite, policy: Policy) -> None:
    async with httpx2.AsyncClient(trust_env=False) as client:
        anonymous = await client.get(f"{policy.rest}/v1/roles")
        third_party = {"authorization": f"Bearer {suite.bearer(ADMIN, 'openid profile')}"}
        other = await client.get(f"{policy.rest}/v1/roles", headers=third_party)
    assert (anonymous.status_code, anonymous.json()["code"]) == (401, "authentication_required")
    assert (other.status_code, other.json()["code"]) == (403, "insufficient_scope")
    assert other.headers["content-type"] == "application/problem+json"


async def test_every_projection_is_shown(suite: Suite, policy: Policy) -> None:
    async with httpx2.AsyncClient(trust_env=False) as client:
        verbose = (await client.get(f"{policy.rest}/readyz?verbose")).json()
        metrics = (await client.get(f"{policy.rest}/metrics")).text
    names = {(one["name"], one["log"]) for one in verbose["projections"]}
    for name, log in (("facts", "policy"), ("accounts", "identity"), ("revoked", "token"), ("trust", "token")):
        assert {(name, log), (f"{name}@memory", log)} <= names
        assert f'watchword_projection_lag_seconds{{log="{log}",projection="{name}@memory"}}' in metrics
    assert "watchword_policy_decisions_total" in metrics


async def test_the_log_is_read_by_services_and_operators_only(suite: Suite, policy: Policy) -> None:
    opened = log_pb2.ReadRequest(open=log_pb2.ReadOpen(reader="test/1"))
    async with suite.caller(policy, "service/identity") as service:
        call = log_pb2_grpc.EventLogServiceStub(service.channel).Read()
        await call.write(opened)
        first = await call.read()
        assert isinstance(first, log_pb2.ReadResponse)
        assert first.events[0].type == "watchword.policy.administrator.created.v1"
        call.cancel()
    async with suite.caller(policy) as backend:
        call = log_pb2_grpc.EventLogServiceStub(backend.channel).Read()
        assert await call.code() is grpc.StatusCode.PERMISSION_DENIED
