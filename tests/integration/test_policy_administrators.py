"""Who administers policy as it runs: first an operator's choice, then by bearers, as long as these hold."""

from datetime import UTC, datetime, timedelta

import pytest

from services.policy.projections import AccountDisabled, AccountRegistered
from tests.harness.calls import refused
from tests.integration.policy_suite import ADMIN, Policy, Suite, entity, question
from watchword.policy.v1 import policy_pb2 as pb

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_first_administrator_is_created_once(suite: Suite, policy: Policy) -> None:
    async with suite.caller(policy, "operator/admin") as operator:
        again = operator.policy.CreateFirstAdministrator(pb.CreateFirstAdministratorRequest(account_id=ADMIN))
        assert await refused(again) == ("FAILED_PRECONDITION", "administrator_exists")


async def test_only_an_operator_creates_the_first_administrator(suite: Suite, policy: Policy) -> None:
    bearer = (("authorization", f"Bearer {suite.bearer(ADMIN)}"),)
    for label in ("backend/demo", "service/identity"):
        async with suite.caller(policy, label) as caller:
            request = pb.CreateFirstAdministratorRequest(account_id=ADMIN)
            call = caller.policy.CreateFirstAdministrator(request, metadata=bearer)
            assert await refused(call) == ("PERMISSION_DENIED", "caller_not_allowed")


async def test_an_administrators_bearer_changes_roles_and_is_the_actor(suite: Suite, policy: Policy) -> None:
    bearer = (("authorization", f"Bearer {suite.bearer(ADMIN)}"),)
    async with suite.caller(policy) as backend:
        request = pb.DefineRoleRequest(role="reader", actions=["document.read"], description="Reads.")
        answer = await backend.policy.DefineRole(request, metadata=bearer)
        wanted = pb.AssignRoleRequest(role="reader", subject=entity("service/billing"), resource=entity("document/7"))
        wanted.expires_at.FromDatetime(datetime.now(UTC) + timedelta(hours=1))
        call = backend.policy.AssignRole(wanted, metadata=bearer)
        assigned = await call
        trailing = dict(await call.trailing_metadata() or ())
        assert trailing["watchword-position"] == f"policy={assigned.position}"
        waiting = (("watchword-position", f"policy={assigned.position}"),)
        check = question("service/billing", "document.read", resource="document/7")
        seen = await backend.policy.Check(check, metadata=waiting)
        assert (seen.allowed, list(seen.because)) == (True, ["service/billing → reader → on document/7"])
        assert seen.position >= assigned.position
    async with suite.database.admin() as connection:
        actor = await connection.fetchval("SELECT actor FROM eventlog.events WHERE position = $1", answer.position)
    assert actor == ADMIN


async def test_the_first_administrator_is_an_event_whose_actor_is_the_operator(suite: Suite, policy: Policy) -> None:
    async with suite.database.admin() as connection:
        rows = await connection.fetch("SELECT type, actor FROM eventlog.events ORDER BY position LIMIT 3")
    assert [row["type"].split(".", 2)[2] for row in rows] == [
        "administrator.created.v1",
        "role.defined.v1",
        "role.assigned.v1",
    ]
    assert {row["actor"] for row in rows} == {"operator/admin"}


@pytest.mark.parametrize(
    ("subject", "scope", "expected"),
    [
        ("acc_bob", "watchword:admin", ("PERMISSION_DENIED", "not_allowed")),
        (ADMIN, "watchword:account", ("PERMISSION_DENIED", "insufficient_scope")),
        (ADMIN, "openid", ("PERMISSION_DENIED", "insufficient_scope")),
    ],
)
async def test_a_bearer_changes_nothing_without_scope_and_policy(
    suite: Suite, policy: Policy, subject: str, scope: str, expected: tuple[str, str]
) -> None:
    await suite.identity.says(AccountRegistered(account_id="acc_bob"))
    bearer = (("authorization", f"Bearer {suite.bearer(subject, scope)}"),)
    async with suite.caller(policy) as backend:
        await backend.until("no_matching_role", "account/acc_bob", "anything")
        define = backend.policy.DefineRole(pb.DefineRoleRequest(role="mine", actions=["*"]), metadata=bearer)
        assert await refused(define) == expected


async def test_a_forged_bearer_is_nobody(suite: Suite, policy: Policy) -> None:
    bearer = (("authorization", f"Bearer {suite.bearer(ADMIN)[:-4]}AAAA"),)
    async with suite.caller(policy) as backend:
        define = backend.policy.DefineRole(pb.DefineRoleRequest(role="mine", actions=["*"]), metadata=bearer)
        assert await refused(define) == ("UNAUTHENTICATED", "invalid_token")


async def test_a_disabled_administrator_administers_nothing(suite: Suite, policy: Policy) -> None:
    account = "acc_former"
    await suite.identity.says(AccountRegistered(account_id=account), f"account/{account}")
    bearer = (("authorization", f"Bearer {suite.bearer(account)}"),)
    async with suite.caller(policy, "operator/admin") as operator:
        assign = pb.AssignRoleRequest(role="administrator", subject=entity(f"account/{account}"))
        await operator.policy.AssignRole(assign)
        await operator.until("allowed", f"account/{account}", "policy.role.define")
    async with suite.caller(policy) as backend:
        request = pb.DefineRoleRequest(role="mine", actions=["a"])
        await backend.policy.DefineRole(request, metadata=bearer)
        await suite.identity.says(AccountDisabled(account_id=account), f"account/{account}")
        await backend.until("subject_disabled", f"account/{account}", "anything")
        assert await refused(backend.policy.DefineRole(request, metadata=bearer)) == (
            "PERMISSION_DENIED",
            "not_allowed",
        )
