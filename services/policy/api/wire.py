"""Messages ↔ what policy speaks of."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct

from chassis.positions import MAX_POSITION
from eventlog.errors import Kind, Refusal
from services.policy.api.fact_wire import to_instant
from services.policy.domain.case import Ground
from services.policy.domain.decision import Decision
from services.policy.domain.entities import Entity, Question
from services.policy.domain.explained import policy_of, steps
from services.policy.domain.facts import Assignment
from services.policy.queries import Moment
from services.policy.queries.search import PAGE, Wanted
from watchword.policy.v1 import policy_pb2 as pb


def to_question(check: pb.CheckRequest, vouched: bool = False) -> Question:
    """What a check asks. An absent resource is everything; a subject that is absent is not well-formed. `vouched`: see
    Question.

    Raises Refusal `given_invalid`.
    """
    return Question(
        subject=to_entity(check.subject),
        action=check.action,
        resource=to_entity(check.resource) if check.HasField("resource") else None,
        session_id=check.session_id if check.HasField("session_id") else None,
        token_position=check.token_position if check.HasField("token_position") else None,
        vouched=vouched,
        given=to_given(check.given) if check.HasField("given") else {},
    )


def to_entity(entity: pb.Entity) -> Entity:
    return Entity(entity.type, entity.id)


def from_entity(thing: str) -> pb.Entity:
    """Of `type/id`."""
    entity = Entity.of(thing)
    return pb.Entity(type=entity.type, id=entity.id)


def to_given(given: Struct) -> dict[str, Any]:
    """What a caller says besides. Raises Refusal `given_invalid` of a number that is none, which JSON cannot say."""
    try:
        said: dict[str, Any] = MessageToDict(given)
    except ValueError:
        raise Refusal(Kind.INVALID, "given_invalid", "what is given holds a number that is none") from None
    return said


def to_moment(request: Any) -> Moment | None:
    """The time that `as_of` asks about; None for now.

    Raises Refusal `as_of_invalid`, `expiry_invalid`, `position_unknown`.
    """
    if not request.HasField("as_of"):
        return None
    match request.as_of.WhichOneof("when"):
        case "time":
            return Moment(to_instant(request.as_of.time))
        case "position":
            if request.as_of.position > MAX_POSITION:
                raise Refusal(Kind.INVALID, "position_unknown", f"no log goes beyond {MAX_POSITION}")
            return Moment(0, request.as_of.position)
    raise Refusal(Kind.INVALID, "as_of_invalid", "as_of says a time or a position")


def to_wanted(request: Any, moment: Moment | None) -> Wanted:
    """Which page. Raises Refusal `page_token_invalid`."""
    return Wanted(request.page_size or PAGE, read_page_token(request.page_token), moment)


def read_page_token(token: str) -> str:
    """After what a page begins. Raises Refusal `page_token_invalid`."""
    with suppress(ValueError):
        after = urlsafe_b64decode(token.encode("ascii")).decode()
        if "\0" not in after:
            return after
    raise Refusal(Kind.INVALID, "page_token_invalid", "it is not one that this service gave")


def page_token(after: str) -> str:
    """Opaque to callers."""
    return urlsafe_b64encode(after.encode()).decode()


def to_assignment(request: pb.AssignRoleRequest | pb.UnassignRoleRequest) -> Assignment:
    """Where a role is to be held, and until when. Raises Refusal `expiry_invalid`."""
    resource = str(to_entity(request.resource)) if request.HasField("resource") else None
    expires = None
    if isinstance(request, pb.AssignRoleRequest) and request.HasField("expires_at"):
        expires = to_instant(request.expires_at)
    return Assignment(str(to_entity(request.subject)), request.role, resource, expires)


def to_response(decision: Decision, position: int) -> pb.CheckResponse:
    return pb.CheckResponse(
        allowed=decision.allowed,
        code=decision.code,
        because=decision.because,
        position=position,
        policies=decision.policies,
        acr=decision.acr,
    )


def to_chain(decision: Decision, ground: Ground) -> pb.Chain:
    """A ground of a decision that has a case."""
    assert decision.case is not None
    return pb.Chain(policy=policy_of(ground), steps=steps(decision.case, ground))
