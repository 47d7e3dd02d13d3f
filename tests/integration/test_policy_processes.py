"""Policy's processes come and go, stand still and lose their peers: none permits what another would not."""

import asyncio
import signal

import httpx2
import pytest

from chassis.trust import SessionRevoked
from services.policy.projections import SessionStarted
from tests.harness.calls import refused
from tests.integration.policy_suite import ADMIN, Policy, Suite, entity, question
from watchword.policy.v1 import policy_pb2 as pb

pytestmark = pytest.mark.asyncio(loop_scope="module")

MAX_STALENESS = 5.0


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
