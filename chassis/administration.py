"""Administration is guarded by policy: without its word, an administrator's request is refused."""

from collections.abc import Mapping

import grpc.aio

from chassis.auth import Decide
from chassis.rpc import ask
from chassis.rpc.callers import Authorize
from eventlog.errors import Kind, Refusal, unavailable
from watchword.claims import Claims
from watchword.policy.v1 import policy_pb2, policy_pb2_grpc

PATIENCE = 2.0
UNDECIDED = frozenset({"stale", "parked", "failed"})


def policy_decides(channel: grpc.aio.Channel, service: str) -> Decide:
    """Asks policy whether the person of a token may do something with the suite's `service`. Policy takes the suite's
    word for a session that it does not know yet: what asks has verified the token.

    Raises Refusal `not_allowed` (with policy's reason), or `policy_unavailable` where it does not answer.
    """
    stub = policy_pb2_grpc.PolicyServiceStub(channel)

    async def decide(claims: Claims, action: str) -> None:
        question = policy_pb2.CheckRequest(
            subject=policy_pb2.Entity(type="account", id=claims.sub),
            action=action,
            resource=policy_pb2.Entity(type="suite", id=service),
            session_id=claims.sid,
            token_position=claims.pos,
        )
        try:
            answer = await ask(stub.Check, question, timeout=PATIENCE, again=True)
        except Refusal as refusal:
            raise unavailable("policy_unavailable", "policy does not answer, so this is refused") from refusal
        obey(action, answer.allowed, answer.code)

    return decide


def obey(action: str, allowed: bool, code: str) -> None:
    """Raises Refusal `not_allowed`, or `policy_unavailable` where what policy knows does not suffice to decide."""
    if code in UNDECIDED:
        raise unavailable("policy_unavailable", f"policy cannot decide now: {code}")
    if not allowed:
        raise Refusal(Kind.FORBIDDEN, "not_allowed", f"policy does not allow {action}: {code}")


def by_action(authorize: Authorize, service: str, actions: Mapping[str, str]) -> Authorize:
    """Asks about an RPC by what roles call it, such as `token.client.create`; `actions` names each by method."""
    projections, relays = "watchword.log.v1.ProjectionService", "watchword.log.v1.RelayService"
    named = {
        **actions,
        f"{projections}/ListProjections": f"{service}.projection.list",
        f"{projections}/RebuildProjection": f"{service}.projection.rebuild",
        f"{projections}/RetryParked": f"{service}.projection.retry",
        f"{relays}/GetRelay": f"{service}.relay.show",
        f"{relays}/Republish": f"{service}.relay.republish",
    }

    async def authorized(bearer: str, method: str) -> str:
        return await authorize(bearer, named[method])

    return authorized
