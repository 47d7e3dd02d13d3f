"""/oauth2/register: clients that register themselves (RFC 7591) and manage that (RFC 7592); decode, call, encode."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from chassis import positions
from chassis.auth import bearer_of
from chassis.limits import WindowLimits, source_of
from chassis.telemetry import correlation_id
from chassis.web import NO_STORE, Json
from chassis.web.described import ANYBODY, BEARER, refuses
from chassis.web.gate import check_media_type
from services.token.api.documents import read_document
from services.token.api.grpc import Revoking
from services.token.commands.self_registration import (
    Managed,
    Mode,
    Sector,
    admits,
    delete_itself,
    find_managed,
    register_itself,
    unproven,
    update_itself,
)
from services.token.domain import SECOND
from services.token.domain.document import written
from services.token.ports import Token

PATH = "/oauth2/register"
LIMIT = "registration"
_METADATA: dict[int, tuple[str, ...]] = {
    400: ("invalid_client_metadata", "invalid_redirect_uri", "unapproved_software_statement", "malformed_json"),
    415: ("unsupported_media_type",),
}
_TOKEN: dict[int, tuple[str, ...]] = {401: ("invalid_token",)}


class Metadata(BaseModel):
    """What a client says of itself; other members are ignored (RFC 7591 2)."""

    client_name: str = ""
    redirect_uris: list[str] = []
    grant_types: list[str] = ["authorization_code"]
    response_types: list[str] = ["code"]
    token_endpoint_auth_method: str = "client_secret_basic"
    scope: str = Field(default="", description="those of OpenID Connect where it is absent")
    jwks: dict[str, Any] | None = None
    jwks_uri: str = ""
    id_token_signed_response_alg: str = "RS256"
    subject_type: str = "public"
    sector_identifier_uri: str = ""
    post_logout_redirect_uris: list[str] = []
    backchannel_logout_uri: str = ""
    frontchannel_logout_uri: str = ""
    default_max_age: int | None = None
    default_acr_values: list[str] = []
    require_auth_time: bool = False
    contacts: list[str] = []
    logo_uri: str = ""
    client_uri: str = ""
    policy_uri: str = ""
    tos_uri: str = ""
    initiate_login_uri: str = ""
    software_id: str = ""
    software_version: str = ""


class Information(Metadata):
    """RFC 7591 3.2.1 and RFC 7592 3: what is registered."""

    model_config = {"extra": "allow"}

    client_id: str
    client_id_issued_at: int
    client_secret: str = Field(default="", description="shown only where one was made; a hash of it is kept")
    client_secret_expires_at: int = Field(default=0, description="0: it does not expire")
    registration_access_token: str
    registration_client_uri: str


@dataclass(frozen=True, slots=True)
class Registering:
    """Who may register: whoever has the operator's token, or, where that is empty, anybody within the limit."""

    initial_access_token: str
    limits: WindowLimits

    @property
    def mode(self) -> Mode:
        return "token" if self.initial_access_token else "open"

    async def admit(self, request: Request) -> None:
        if self.initial_access_token:
            admits(self.initial_access_token, bearer_of(request.headers))
        else:
            await self.limits.take(LIMIT, source_of(request.client.host if request.client else ""))


class RegistrationApi:
    """The handlers."""

    def __init__(self, token: Token, registering: Registering, sector: Sector, revoking: Revoking) -> None:
        self._token = token
        self._registering = registering
        self._sector = sector
        self._revoking = revoking

    async def register(self, request: Request) -> Response:
        """Registers a client (RFC 7591)."""
        await self._registering.admit(request)
        document = await _document(request)
        made = await register_itself(self._token, document, self._registering.mode, self._sector, correlation_id())
        return self._told(made, 201)

    async def show(self, request: Request, client_id: str) -> Response:
        """What is registered (RFC 7592)."""
        return self._told(await self._managed(request, client_id))

    async def update(self, request: Request, client_id: str) -> Response:
        """Replaces what is registered (RFC 7592)."""
        managed = await self._managed(request, client_id)
        document = await _document(request)
        return self._told(await update_itself(self._token, managed, document, self._sector, correlation_id()))

    async def delete(self, request: Request, client_id: str) -> Response:
        """Ends all that the client holds, and the client (RFC 7592)."""
        managed = await self._managed(request, client_id)
        await self._revoking.settled(await delete_itself(self._token, managed, correlation_id()))
        return Response(status_code=204, headers=NO_STORE)

    async def _managed(self, request: Request, client_id: str) -> Managed:
        bearer = bearer_of(request.headers)
        if bearer is None:
            raise unproven()
        return await find_managed(self._token, client_id, bearer)

    def _told(self, managed: Managed, status: int = 200) -> Response:
        if managed.position:
            positions.note("token", managed.position)
        client = managed.client
        told = written(client) | {
            "client_id_issued_at": client.registered_at // SECOND,
            "registration_access_token": managed.registration_token,
            "registration_client_uri": f"{self._token.issuer}{PATH}/{client.id}",
        }
        if managed.secret:
            told |= {"client_secret": managed.secret}
        if client.secret_hash or client.secret_key or managed.secret:
            told |= {"client_secret_expires_at": 0}
        return Json(told, status, headers=NO_STORE)

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(prefix=PATH)
        route, one = router.add_api_route, "/{client_id}"
        anybody = [ANYBODY] if self._registering.mode == "open" else [BEARER]
        admitted = {429: ("too_many_attempts",)} if self._registering.mode == "open" else _TOKEN
        register = _takes(Metadata) | refuses({**_METADATA, **admitted}, anybody)
        update = _takes(Metadata) | refuses({**_METADATA, **_TOKEN}, [BEARER])
        managing = refuses(_TOKEN, [BEARER])
        route("", self.register, methods=["POST"], status_code=201, response_model=Information, openapi_extra=register)
        route(one, self.show, methods=["GET"], response_model=Information, openapi_extra=managing)
        route(one, self.update, methods=["PUT"], response_model=Information, openapi_extra=update)
        route(one, self.delete, methods=["DELETE"], status_code=204, openapi_extra=managing)
        return router


def _takes(body: type[BaseModel]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": body.model_json_schema()}}}}


async def _document(request: Request) -> dict[str, Any]:
    body = await request.body()
    check_media_type(request.headers, body)
    return read_document(body)
