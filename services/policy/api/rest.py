"""GET /v1/roles: decode, call, encode."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from chassis.auth import ACCOUNT, ADMIN, EVALUATE, SEARCH, Bearers
from chassis.web import Json
from services.policy.queries import Decisions


def roles(bearers: Bearers, decisions: Decisions) -> APIRouter:
    """The route, for any bearer that is meant for the suite."""
    router = APIRouter()

    @router.get("/v1/roles", summary="The roles and what they permit")
    async def listed(request: Request) -> Response:
        await bearers.claims(request.headers, ACCOUNT, ADMIN, EVALUATE, SEARCH)
        found = decisions.memory.all_roles()
        shown = [
            {"name": name, "description": role.description, "actions": role.actions} for name, role in found.items()
        ]
        return Json({"roles": shown, "position": decisions.position})

    return router
