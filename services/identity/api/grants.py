"""What the caller lets applications have, over REST."""

from dataclasses import asdict, dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chassis import positions
from chassis.web import Json
from services.identity.api import answers
from services.identity.api.callers import Callers
from services.identity.commands.grants import take_back
from services.identity.ports import Grants
from services.identity.queries import Queries


@dataclass(frozen=True, slots=True)
class GrantsApi:
    """The handlers."""

    callers: Callers
    queries: Queries
    grants: Grants

    async def list(self, request: Request) -> Response:
        """What the caller has let applications have."""
        person = await self.callers.person(request)
        return Json({"grants": [asdict(one) for one in await self.queries.applications(person)]})

    async def take_back(self, request: Request, client_id: str) -> Response:
        """Takes it back from one of them, with all that it was given."""
        person = await self.callers.person(request)
        positions.note("token", await take_back(self.grants, self.queries, person, client_id))
        return Json({"applied": True})

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(prefix="/v1/grants")
        listed, taken = answers.person(), answers.ONE_GRANT
        router.add_api_route("", self.list, methods=["GET"], response_model=answers.Grants, openapi_extra=listed)
        router.add_api_route(
            "/{client_id}",
            self.take_back,
            methods=["DELETE"],
            response_model=answers.TakenBack,
            openapi_extra=taken,
        )
        return router
