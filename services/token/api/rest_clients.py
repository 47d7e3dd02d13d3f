"""/v1/clients: administration of clients over REST; decode, call, encode."""

from typing import Any

import msgspec
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from chassis import positions
from chassis.auth import Bearers
from chassis.telemetry import correlation_id
from chassis.web import Json
from chassis.web.described import BEARER, refuses
from eventlog.events import rfc3339
from eventlog.log import By
from services.token.api.grpc import Revoking
from services.token.commands.client_changes import (
    MAX_OVERLAP,
    delete_client,
    find_client,
    rotate_secret,
    update_client,
)
from services.token.commands.clients import Registered, register_client
from services.token.domain import SECOND
from services.token.domain.client import Client
from services.token.domain.errors import Unknown
from services.token.domain.registration import ID
from services.token.known_clients import KnownClients
from services.token.ports import Token
from services.token.queries import clients as all_clients

_ADMINISTRATOR: dict[int, tuple[str, ...]] = {
    401: ("authentication_required", "invalid_token"),
    403: ("insufficient_scope", "not_allowed"),
}
_METADATA: dict[int, tuple[str, ...]] = {422: ("invalid_client_metadata", "invalid_redirect_uri")}
_NONE_SUCH: dict[int, tuple[str, ...]] = {404: ("not_found",)}
_CREATE = refuses(_ADMINISTRATOR | _METADATA | {409: ("client_exists",)}, [BEARER])
_LIST = refuses(_ADMINISTRATOR, [BEARER])
_ONE = refuses(_ADMINISTRATOR | _NONE_SUCH, [BEARER])
_UPDATE = refuses(_ADMINISTRATOR | _METADATA | _NONE_SUCH, [BEARER])
_SECRET = refuses(_ADMINISTRATOR | _NONE_SUCH | {409: ("no_client_secret",)}, [BEARER])


class ClientMembers(BaseModel):
    """All that can change of a client; what is absent takes its default. The words are explained in docs/events."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(default="", description="as people know it; its client_id where absent")
    confidential: bool = Field(default=True, description="it can keep a secret; this stays as it was registered")
    first_party: bool = False
    direct_login: bool = Field(default=False, description="it may send people's passwords to POST /v1/login")
    grant_types: list[str] = []
    scopes: list[str] = Field(default=[], description="those of OpenID Connect where it has authorization_code")
    audiences: list[str] = []
    access_token_alg: str = "ES256"
    access_token_life: int = Field(default=720, description="seconds")
    leeway: int = Field(default=10, description="seconds")
    reuse_ends: str = Field(default="family", description="family or account")
    grants: list[str] = Field(default=[], description="such as introspect:any")
    cors_origins: list[str] = []
    redirect_uris: list[str] = []
    post_logout_redirect_uris: list[str] = []
    token_endpoint_auth_method: str = ""
    jwks: dict[str, Any] | None = None
    jwks_uri: str = ""
    id_token_alg: str = "RS256"
    userinfo_alg: str = Field(default="", description="plain JSON where empty")
    require_pkce: bool = True
    ask_consent: bool = True
    subject_type: str = Field(default="public", description="public or pairwise")
    sector: str = Field(
        default="",
        description="for pairwise: the host of its sector_identifier_uri; that of its redirect URIs where absent",
    )
    backchannel_logout_uri: str = ""
    frontchannel_logout_uri: str = ""
    frontchannel_logout_session_required: bool = False
    default_max_age: int | None = Field(default=None, description="seconds")
    logo_uri: str = ""
    client_uri: str = ""
    policy_uri: str = ""
    tos_uri: str = ""
    token_endpoint_auth_signing_alg: str = ""
    require_pushed_authorization_requests: bool = False
    dpop_bound_access_tokens: bool = False
    tls_client_certificate_bound_access_tokens: bool = False
    tls_client_auth_subject_dn: str = ""
    tls_client_auth_san_dns: str = ""
    tls_client_auth_san_uri: str = ""
    tls_client_auth_san_ip: str = ""
    tls_client_auth_san_email: str = ""
    request_uris: list[str] = []
    request_object_alg: str = ""
    visible_roles: list[str] = Field(default=[], description="roles that its tokens tell it of: a.b, a.*, or *")
    visible_groups: list[str] = Field(default=[], description="groups that its tokens tell it of")
    may_act: str = Field(default="", description="the client that may exchange its tokens (RFC 8693)")
    default_acr_values: list[str] = []
    require_auth_time: bool = Field(default=False, description="its ID tokens say auth_time; all do")
    initiate_login_uri: str = ""
    software_id: str = ""
    software_version: str = ""
    contacts: list[str] = Field(default=[], description="who answers for it; sealed, and in no event's body")

    def client(self, client_id: str) -> Client:
        return msgspec.convert(self.model_dump() | {"id": client_id}, Client)


class NewClient(ClientMembers):
    """A client that is to be registered."""

    client_id: str = Field(default="", description="one is made where absent")
    client_secret: str = Field(default="", description="brought from elsewhere, of 32 characters or more")


class Overlap(BaseModel):
    """How long the secret before is good as well."""

    model_config = ConfigDict(extra="forbid", strict=True)

    overlap: int = Field(
        default=0, ge=0, le=MAX_OVERLAP // SECOND, description="seconds; 0: no longer, as after a leak"
    )


class ShownClient(ClientMembers):
    """A client, but for its secret."""

    client_id: str
    self_registered: bool = Field(description="it came by dynamic registration (RFC 7591)")
    registered_at: str = Field(description="RFC 3339")
    old_secret_until: str = Field(default="", description="RFC 3339: until then the secret before is good as well")
    unused_until: str = Field(default="", description="RFC 3339: by then it is given its first token, or it ends")


class ChangedClient(ShownClient):
    client_secret: str = Field(default="", description="shown only here, where one was made")
    position: int = Field(description="0 where nothing has changed")


class ShownClients(BaseModel):
    clients: list[ShownClient]


class NewSecret(BaseModel):
    client_secret: str = Field(description="shown only here")
    old_secret_until: str = Field(default="", description="RFC 3339: until then the secret before is good as well")
    position: int


class Deleted(BaseModel):
    position: int


class ClientsApi:
    """The handlers, for administrators."""

    def __init__(self, token: Token, bearers: Bearers, registered: KnownClients, revoking: Revoking) -> None:
        self._token = token
        self._bearers = bearers
        self._registered = registered
        self._revoking = revoking

    async def list_clients(self, request: Request) -> Response:
        """Every client."""
        await self._by(request, "list")
        found = await all_clients(self._token, self._registered.ids())
        return Json({"clients": [shown(client) for client in found]})

    async def create(self, request: Request, body: NewClient) -> Response:
        """Registers a client. Its secret is shown here, once."""
        by = await self._by(request, "create")
        wanted = body.client(body.client_id)
        return _changed(await register_client(self._token, wanted, by, body.client_secret or None), 201)

    async def one(self, request: Request, client_id: str) -> Response:
        """A client as it stands now."""
        await self._by(request, "show")
        return Json(shown(await find_client(self._token, _known(client_id))))

    async def update(self, request: Request, client_id: str, body: ClientMembers) -> Response:
        """Replaces all that can change of a client."""
        by = await self._by(request, "update")
        return _changed(await update_client(self._token, body.client(_known(client_id)), by))

    async def rotate(self, request: Request, client_id: str, body: Overlap) -> Response:
        """A new secret, shown here, once; the one before is good for as long as `overlap` says."""
        by = await self._by(request, "rotate_secret")
        made = await rotate_secret(self._token, _known(client_id), body.overlap * SECOND, by)
        positions.note("token", made.position)
        answer: dict[str, Any] = {"client_secret": made.secret, "position": made.position}
        return Json(answer | _times(made.client, "old_secret_until"))

    async def delete(self, request: Request, client_id: str) -> Response:
        """Ends all that a client holds, and the client. Its id is never given again."""
        by = await self._by(request, "delete")
        position = await delete_client(self._token, _known(client_id), by)
        return Json({"position": await self._revoking.settled(position)})

    async def _by(self, request: Request, action: str) -> By:
        claims = await self._bearers.administrator(request.headers, f"token.client.{action}")
        return By(claims.sub, correlation_id())

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(prefix="/v1/clients")
        route, one = router.add_api_route, "/{client_id}"
        route("", self.list_clients, methods=["GET"], response_model=ShownClients, openapi_extra=_LIST)
        route("", self.create, methods=["POST"], status_code=201, response_model=ChangedClient, openapi_extra=_CREATE)
        route(one, self.one, methods=["GET"], response_model=ShownClient, openapi_extra=_ONE)
        route(one, self.update, methods=["PUT"], response_model=ChangedClient, openapi_extra=_UPDATE)
        route(one, self.delete, methods=["DELETE"], response_model=Deleted, openapi_extra=_ONE)
        route(f"{one}/secret", self.rotate, methods=["POST"], response_model=NewSecret, openapi_extra=_SECRET)
        return router


def shown(client: Client) -> dict[str, Any]:
    """What is told of a client: all but what it proves itself by, in the words of the contract."""
    said = {name: getattr(client, name) for name in ClientMembers.model_fields}
    if client.jwks is None:
        said.pop("jwks")
    if client.default_max_age is None:
        said.pop("default_max_age")
    own = {"client_id": client.id, "self_registered": client.self_registered}
    return own | said | _times(client, "registered_at", "old_secret_until", "unused_until")


def _times(client: Client, *names: str) -> dict[str, str]:
    return {name: rfc3339(time) for name in names if (time := getattr(client, name))}


def _changed(made: Registered, status: int = 200) -> Response:
    positions.note("token", made.position)
    secret = {"client_secret": made.secret} if made.secret else {}
    return Json(shown(made.client) | secret | {"position": made.position}, status)


def _known(client_id: str) -> str:
    """What no client is called is not looked for. Raises Unknown."""
    if not ID.fullmatch(client_id):
        raise Unknown("client")
    return client_id
