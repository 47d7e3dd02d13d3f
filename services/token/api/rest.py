"""POST /v1/revocations: decode, call, encode."""

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from chassis.auth import Bearers
from chassis.telemetry import correlation_id
from chassis.web import Json
from eventlog.events import rfc3339
from eventlog.log import By
from services.token.api import answers
from services.token.api.grpc import ID, MAX_REASON, WAIT, Revoking
from services.token.commands.revoke import revoke_client, revoke_family, revoke_session, revoke_subject
from services.token.ports import Token
from services.token.queries import Receipts

Id = Field(default=None, pattern=f"^{ID.pattern}$")
TARGETS = ("session_id", "family_id", "subject", "client_id")


class Revocation(BaseModel):
    """What to revoke: just one of the four."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"oneOf": [{"required": [name]} for name in TARGETS]}
    )

    session_id: str | None = Id
    family_id: str | None = Id
    subject: str | None = Id
    client_id: str | None = Id
    reason: str = Field(min_length=1, max_length=MAX_REASON)
    wait: Literal["applied"] | None = None

    @model_validator(mode="after")
    def one_target(self) -> "Revocation":
        if sum(getattr(self, name) is not None for name in TARGETS) != 1:
            raise ValueError(f"name just one of {', '.join(TARGETS)}")
        return self


def revocations(token: Token, bearers: Bearers, revoking: Revoking) -> APIRouter:
    """The route, for administrators."""
    router = APIRouter()

    @router.post(
        "/v1/revocations",
        summary="Revoke a session, a family, a subject or a client",
        response_model=answers.Revoked,
        openapi_extra=answers.REVOCATION,
    )
    async def revoke(wanted: Revocation, request: Request) -> Response:
        claims = await bearers.administrator(request.headers, "token.revoke")
        position = await revoking.settled(await _revoke(token, wanted, By(claims.sub, correlation_id())))
        if wanted.wait is None:
            return Json({"position": position})
        return Json(_shown(position, await revoking.receipts(position, WAIT)))

    return router


async def _revoke(token: Token, wanted: Revocation, by: By) -> int:
    if wanted.session_id is not None:
        return await revoke_session(token, wanted.session_id, wanted.reason, by)
    if wanted.family_id is not None:
        return await revoke_family(token, wanted.family_id, wanted.reason, by)
    if wanted.client_id is not None:
        return await revoke_client(token, wanted.client_id, wanted.reason, by)
    assert wanted.subject is not None
    return await revoke_subject(token, wanted.subject, wanted.reason, by)


def _shown(position: int, found: Receipts) -> dict[str, object]:
    return {
        "position": position,
        "applied": [{"reader": reader, "ms": round(ms, 3)} for reader, ms in found.applied],
        "waiting": list(found.waiting),
        "certain_at": rfc3339(found.certain_at),
    }
