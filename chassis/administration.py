"""Administration is guarded by policy: without its word, an administrator's request is refused."""

import grpc.aio

from chassis.auth import Decide
from chassis.rpc import ask
from eventlog.errors import Kind, Refusal, unavailable
from watchword.claims import Claims
from watchword.policy.v1 import policy_pb2, policy_pb2_grpc

PATIENCE = 2.0


def policy_decides(channel: grpc.aio.Channel, service: str) -> Decide:
    """Asks policy whether the person of a token may do something with the suite's `service`.

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
            answer = await ask(stub.Check, question, timeout=PATIENCE)
        except Refusal as refusal:
            raise unavailable("policy_unavailable", "policy does not answer, so this is refused") from refusal
        if not answer.allowed:
            raise Refusal(Kind.FORBIDDEN, "not_allowed", f"policy does not allow {action}: {answer.code}")

    return decide
