"""Policy guards its own administration, in this process, with the same decisions that it gives to others."""

from chassis.auth import Decide
from chassis.rpc.callers import Authorize
from eventlog.errors import Kind, Refusal, unavailable
from services.policy.api.grpc import ACTIONS
from services.policy.domain.entities import Entity, Question
from services.policy.domain.roles import account
from services.policy.queries import Decisions
from watchword.claims import Claims

_PROJECTIONS = "watchword.log.v1.ProjectionService"
NAMED = {
    **ACTIONS,
    f"{_PROJECTIONS}/ListProjections": "policy.projection.list",
    f"{_PROJECTIONS}/RebuildProjection": "policy.projection.rebuild",
    f"{_PROJECTIONS}/RetryParked": "policy.projection.retry",
}
SUITE = Entity("suite", "policy")
UNDECIDED = frozenset({"stale", "parked", "failed"})


def decided_here(decisions: Decisions) -> Decide:
    """Raises Refusal `not_allowed`, or `policy_unavailable` where what is known does not suffice to decide."""

    async def decide(claims: Claims, action: str) -> None:
        answer = decisions.answer(Question(account(claims.sub), action, SUITE, claims.sid, claims.pos))
        if answer.code in UNDECIDED:
            raise unavailable("policy_unavailable", f"policy cannot decide now: {answer.code}")
        if not answer.allowed:
            raise Refusal(Kind.FORBIDDEN, "not_allowed", f"policy does not allow {action}: {answer.code}")

    return decide


def administered(authorize: Authorize) -> Authorize:
    """Decides about an RPC by what it is called in roles, such as `policy.role.assign`."""

    async def by_action(bearer: str, method: str) -> str:
        return await authorize(bearer, NAMED[method])

    return by_action
