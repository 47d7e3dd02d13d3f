"""What ends at identity or is revoked at token is denied by policy as it runs."""

import httpx2
import pytest

from chassis.trust import SessionRevoked, SubjectRevoked
from services.policy.projections import AccountRegistered, SessionEnded, SessionStarted
from tests.integration.policy_suite import ADMIN, Policy, Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")


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
