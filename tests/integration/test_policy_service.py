"""Policy as it runs: real processes on PostgreSQL, mutual TLS, and the logs of identity and token beside it."""

import asyncio
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import httpx2
import pytest
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from chassis.trust import SessionRevoked, SubjectRevoked
from services.policy.migrate import SCHEMA
from services.policy.projections import AccountDisabled, AccountRegistered, SessionEnded, SessionStarted
from tests.harness.database import fresh_database
from tests.integration.conftest import Cluster
from tests.integration.policy_suite import Policy, Suite, entity, policy_suite, question
from watchword.log.v1 import log_pb2, log_pb2_grpc
from watchword.policy.v1 import policy_pb2 as pb

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADMIN = "acc_admin"
SUITE = "suite/policy"
MAX_STALENESS = 5.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Suite]:
    async with fresh_database(cluster.server, cluster.data) as database:
        await database.migrate(SCHEMA)
        async with policy_suite(database, tmp_path_factory.mktemp("policy")) as suite:
            yield suite


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def policy(suite: Suite) -> Policy:
    """A process, in whose suite acc_admin is the first administrator."""
    await suite.identity.up()
    await suite.token.up()
    await suite.identity.says(AccountRegistered(account_id=ADMIN), f"account/{ADMIN}")
    policy = await suite.start()
    async with suite.caller(policy, "operator/admin") as operator:
        request = pb.CreateFirstAdministratorRequest(account_id=ADMIN)
        await operator.policy.CreateFirstAdministrator(request, wait_for_ready=True)
        await operator.until("allowed", f"account/{ADMIN}", "policy.role.assign", resource=SUITE)
    return policy


async def refused(call: Any) -> tuple[str, str]:
    """Status and code of what was refused."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    status: Any = rpc_status.from_call(error.value)  # type: ignore[arg-type]
    info = error_details_pb2.ErrorInfo()
    assert any(detail.Unpack(info) for detail in status.details)
    return error.value.code().name, info.reason


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


async def test_a_backend_asks_and_changes_nothing(suite: Suite, policy: Policy) -> None:
    async with suite.caller(policy) as backend:
        assert await backend.code(f"account/{ADMIN}", "anything", resource="document/7") == "allowed"
        assert await backend.code("account/acc_nobody", "anything", resource="document/7") == "subject_unknown"
        define = backend.policy.DefineRole(pb.DefineRoleRequest(role="mine", actions=["*"]))
        assert (await refused(define))[0] == "PERMISSION_DENIED"


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


async def test_an_ended_or_revoked_session_is_denied(suite: Suite, policy: Policy) -> None:
    admin = f"account/{ADMIN}"
    for session in ("ses_1", "ses_2"):
        await suite.identity.says(SessionStarted(session_id=session, account_id=ADMIN, seen=0), f"session/{session}")
    async with suite.caller(policy) as backend:
        await backend.until("allowed", admin, "anything", session_id="ses_1", token_position=1000)
        await suite.identity.says(SessionEnded(session_id="ses_1"), "session/ses_1")
        await backend.until("session_revoked", admin, "anything", session_id="ses_1", token_position=1000)
        assert await backend.code(admin, "anything", session_id="ses_2") == "allowed"
        await suite.token.says(SessionRevoked(session_id="ses_2"), "session/ses_2")
        await backend.until("session_revoked", admin, "anything", session_id="ses_2")


async def test_a_revoked_subjects_bearer_is_refused_everywhere_here(suite: Suite, policy: Policy) -> None:
    await suite.identity.says(AccountRegistered(account_id="acc_carol"))
    position = await suite.token.says(SubjectRevoked(subject="acc_carol"))
    old = suite.bearer("acc_carol", "watchword:account", pos=position)
    older = suite.bearer("acc_carol", "watchword:account", pos=max(position - 1, 1))
    async with suite.caller(policy) as backend, httpx2.AsyncClient(trust_env=False) as client:
        await backend.until("session_revoked", "account/acc_carol", "anything", token_position=position - 1)
        refused = await client.get(f"{policy.rest}/v1/roles", headers={"authorization": f"Bearer {older}"})
        allowed = await client.get(f"{policy.rest}/v1/roles", headers={"authorization": f"Bearer {old}"})
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_token")
    assert allowed.status_code == 200


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


async def test_what_one_process_was_told_another_knows(suite: Suite, policy: Policy) -> None:
    second = await suite.start()
    async with suite.caller(policy, "operator/admin") as operator, suite.caller(second) as backend:
        role = await operator.policy.DefineRole(pb.DefineRoleRequest(role="auditor", actions=["log.read"]))
        assign = pb.AssignRoleRequest(role="auditor", subject=entity("service/siem"))
        assigned = await operator.policy.AssignRole(assign)
        assert assigned.position > role.position
        waiting = (("watchword-position", f"policy={assigned.position}"),)
        check = question("service/siem", "log.read")
        assert (await backend.policy.Check(check, metadata=waiting, wait_for_ready=True)).allowed
        unassign = pb.UnassignRoleRequest(role="auditor", subject=entity("service/siem"))
        taken = await operator.policy.UnassignRole(unassign)
        waiting = (("watchword-position", f"policy={taken.position}"),)
        assert (await backend.policy.Check(check, metadata=waiting)).code == "no_matching_role"
    assert await second.end() == 0


async def test_killed_and_started_again_it_knows_what_it_acknowledged(suite: Suite, policy: Policy) -> None:
    first = await suite.start()
    async with suite.caller(first, "operator/admin") as operator:
        define = pb.DefineRoleRequest(role="keeper", actions=["keep"])
        await operator.policy.DefineRole(define, wait_for_ready=True)
        assign = pb.AssignRoleRequest(role="keeper", subject=entity("service/keeper"))
        assigned = await operator.policy.AssignRole(assign)
    await first.end(signal.SIGKILL)
    second = await suite.start()
    async with suite.caller(second) as backend:
        waiting = (("watchword-position", f"policy={assigned.position}"),)
        check = question("service/keeper", "keep")
        assert (await backend.policy.Check(check, metadata=waiting, wait_for_ready=True)).allowed
    await second.end()


async def test_without_its_peers_it_starts_and_refuses_only_what_needs_them(suite: Suite, policy: Policy) -> None:
    async with suite.caller(policy, "operator/admin") as operator:
        await operator.policy.DefineRole(pb.DefineRoleRequest(role="worker", actions=["work"]))
        await operator.policy.AssignRole(pb.AssignRoleRequest(role="worker", subject=entity("service/worker")))
    await suite.identity.says(SessionStarted(session_id="ses_9", account_id=ADMIN, seen=0), "session/ses_9")
    await suite.identity.down()
    await suite.token.down()
    alone = await suite.start()
    bearer = (("authorization", f"Bearer {suite.bearer(ADMIN)}"),)
    try:
        async with suite.caller(alone, "service/identity") as service:
            await service.until("allowed", "service/worker", "work")
            assert await service.code(f"account/{ADMIN}", "anything") == "stale"
            call = service.policy.DefineRole(pb.DefineRoleRequest(role="mine", actions=["a"]), metadata=bearer)
            assert (await refused(call))[0] == "UNAVAILABLE"
        async with suite.caller(alone) as backend:
            call = backend.policy.Check(question("service/worker", "work"))
            assert await refused(call) == ("UNAVAILABLE", "certificates_unknown")
        async with suite.caller(policy) as backend:
            await backend.until("stale", f"account/{ADMIN}", "anything", session_id="ses_9")
    finally:
        await suite.identity.up()
        await suite.token.up()
    async with suite.caller(policy) as backend:
        await backend.until("allowed", f"account/{ADMIN}", "anything", session_id="ses_9")


async def test_a_process_that_was_stopped_wakes_up_denying_and_another_folds_in_its_place(
    suite: Suite, policy: Policy
) -> None:
    second = await suite.start()
    admin = f"account/{ADMIN}"
    await suite.identity.says(SessionStarted(session_id="ses_stopped", account_id=ADMIN, seen=0), "session/ses_stopped")
    async with suite.caller(policy) as sleeper, suite.caller(second, "operator/admin") as operator:
        await sleeper.until("allowed", admin, "anything", session_id="ses_stopped", token_position=9_000)
        policy.process.send_signal(signal.SIGSTOP)
        try:
            await suite.token.says(SessionRevoked(session_id="ses_stopped"), "session/ses_stopped")
            request = pb.DefineRoleRequest(role="meanwhile", actions=["a"])
            position = (await operator.policy.DefineRole(request, wait_for_ready=True)).position
            await operator.until("session_revoked", admin, "anything", session_id="ses_stopped")
            await _table_stands_at(second, position)
            check = question(admin, "anything", session_id="ses_stopped", token_position=9_000)
            waiting = sleeper.policy.Check(check, timeout=30)
            await asyncio.sleep(MAX_STALENESS + 1)  # the time that the promise is about
        finally:
            policy.process.send_signal(signal.SIGCONT)
        assert (await waiting).code in ("stale", "session_revoked")
        await sleeper.until("session_revoked", admin, "anything", session_id="ses_stopped")
    assert await second.end() == 0


async def _table_stands_at(policy: Policy, position: int) -> None:
    """The rows in the database, which one process at a time keeps, have come so far."""
    async with asyncio.timeout(20), httpx2.AsyncClient(trust_env=False) as client:
        while True:
            shown = (await client.get(f"{policy.rest}/readyz?verbose")).json()["projections"]
            (table,) = (one for one in shown if one["name"] == "facts")
            if table["applied"] >= position:
                return
            await asyncio.sleep(0.1)


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
