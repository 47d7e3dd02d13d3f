"""GET /v1/roles: decode, call, encode."""

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from chassis.auth import ACCOUNT, ADMIN, EVALUATE, SEARCH, Bearers
from chassis.web import Json, refuses
from chassis.web.described import BEARER
from services.policy.domain import facts
from services.policy.queries import Decisions


class Role(BaseModel):
    name: str
    description: str
    actions: list[str]
    inherits: list[str]


class Roles(BaseModel):
    roles: list[Role]
    position: int


def roles(bearers: Bearers, decisions: Decisions) -> APIRouter:
    """The route, for any bearer that is meant for the suite."""
    router = APIRouter()

    @router.get(
        "/v1/roles",
        summary="The roles and what they permit",
        response_model=Roles,
        openapi_extra=refuses(
            {401: ("authentication_required", "invalid_token"), 403: ("insufficient_scope",)}, [BEARER]
        ),
    )
    async def listed(request: Request) -> Response:
        await bearers.claims(request.headers, ACCOUNT, ADMIN, EVALUATE, SEARCH)
        shown = [
            {"name": role.name, "description": role.description, "actions": role.actions, "inherits": role.inherits}
            for role in decisions.memory.facts.all("role")
            if isinstance(role, facts.Role)
        ]
        return Json({"roles": shown, "position": decisions.position})

    return router
