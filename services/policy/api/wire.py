"""Messages ↔ what policy speaks of."""

from eventlog.errors import Kind, Refusal
from services.policy.domain.decision import Decision
from services.policy.domain.entities import Entity, Question
from services.policy.domain.roles import Assignment
from watchword.policy.v1 import policy_pb2 as pb


def to_question(check: pb.CheckRequest) -> Question:
    """What a check asks. An absent resource is everything; a subject that is absent is not well-formed."""
    return Question(
        subject=to_entity(check.subject),
        action=check.action,
        resource=to_entity(check.resource) if check.HasField("resource") else None,
        session_id=check.session_id if check.HasField("session_id") else None,
        token_position=check.token_position if check.HasField("token_position") else None,
    )


def to_entity(entity: pb.Entity) -> Entity:
    return Entity(entity.type, entity.id)


def to_assignment(request: pb.AssignRoleRequest | pb.UnassignRoleRequest) -> Assignment:
    """Where a role is to be held, and until when. Raises Refusal `expiry_invalid`."""
    resource = to_entity(request.resource) if request.HasField("resource") else None
    expires = None
    if isinstance(request, pb.AssignRoleRequest) and request.HasField("expires_at"):
        expires = request.expires_at.seconds * 1_000_000 + request.expires_at.nanos // 1000
        if not 0 < request.expires_at.seconds < 253_402_300_800 or not 0 <= request.expires_at.nanos < 1_000_000_000:
            raise Refusal(Kind.INVALID, "expiry_invalid", "expires_at is not a time between 1970 and 9999")
    return Assignment(request.role, resource, expires)


def to_response(decision: Decision, position: int) -> pb.CheckResponse:
    return pb.CheckResponse(allowed=decision.allowed, code=decision.code, because=decision.because, position=position)
