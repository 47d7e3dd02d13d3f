"""What is ill-formed is refused or denied by policy as it runs, with a code."""

from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from tests.harness.calls import refused
from tests.integration.policy_suite import Policy, Suite, question
from watchword.policy.v1 import policy_pb2 as pb

pytestmark = pytest.mark.asyncio(loop_scope="module")

BELL = "a\ab"
SERVICE = pb.Entity(type="service", id="x")


@pytest.mark.parametrize(
    ("method", "request_", "code"),
    [
        ("CreateFirstAdministrator", pb.CreateFirstAdministratorRequest(), "entity_invalid"),
        ("CreateFirstAdministrator", pb.CreateFirstAdministratorRequest(account_id=BELL), "entity_invalid"),
        ("DefineRole", pb.DefineRoleRequest(), "role_name_invalid"),
        ("DefineRole", pb.DefineRoleRequest(role=BELL, actions=["a"]), "role_name_invalid"),
        ("DefineRole", pb.DefineRoleRequest(role="a", actions=[BELL]), "actions_invalid"),
        ("DefineRole", pb.DefineRoleRequest(role="a", actions=["a"], description=BELL), "description_invalid"),
        ("AssignRole", pb.AssignRoleRequest(), "role_name_invalid"),
        ("AssignRole", pb.AssignRoleRequest(role="administrator"), "entity_invalid"),
        ("AssignRole", pb.AssignRoleRequest(role="administrator", subject=pb.Entity(type=BELL)), "entity_invalid"),
        (
            "AssignRole",
            pb.AssignRoleRequest(role="administrator", subject=SERVICE, resource=pb.Entity()),
            "entity_invalid",
        ),
        (
            "AssignRole",
            pb.AssignRoleRequest(role="administrator", subject=SERVICE, expires_at=Timestamp(seconds=-1)),
            "expiry_invalid",
        ),
        (
            "AssignRole",
            pb.AssignRoleRequest(role="administrator", subject=SERVICE, expires_at=Timestamp(seconds=2**62)),
            "expiry_invalid",
        ),
        ("UnassignRole", pb.UnassignRoleRequest(role="administrator", subject=pb.Entity(type=BELL)), "entity_invalid"),
        ("DefineRole", pb.DefineRoleRequest(role="a\0b", actions=["a"]), "invalid_request"),
    ],
)
async def test_what_is_ill_formed_is_refused_with_a_code_and_changes_nothing(
    suite: Suite, policy: Policy, method: str, request_: Any, code: str
) -> None:
    async with suite.database.admin() as connection, suite.caller(policy, "operator/admin") as operator:
        before = await connection.fetchval("SELECT count(*) FROM eventlog.events")
        assert await refused(getattr(operator.policy, method)(request_)) == ("INVALID_ARGUMENT", code)
        assert await connection.fetchval("SELECT count(*) FROM eventlog.events") == before


@pytest.mark.parametrize("check", [pb.CheckRequest(), question(f"account/{BELL}", "a"), question("account/a", BELL)])
async def test_an_ill_formed_question_is_denied_and_says_so(
    suite: Suite, policy: Policy, check: pb.CheckRequest
) -> None:
    async with suite.caller(policy) as backend:
        answer = await backend.policy.Check(check)
        assert (answer.allowed, answer.code) == (False, "malformed")
