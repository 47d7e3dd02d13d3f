"""The grants of the token endpoint, by grant_type: each takes from the form what its command needs."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request

from chassis.web import Form
from eventlog.log import By
from services.token.api.client_auth import client_of, shown
from services.token.commands.awaited import Awaited
from services.token.commands.bearer import bearer, issuer_of
from services.token.commands.device import poll
from services.token.commands.exchange import exchange
from services.token.commands.issue import Answered, client_credentials
from services.token.commands.redeem import redeem
from services.token.commands.refresh import refresh
from services.token.domain import bearer as jwt_bearer
from services.token.domain import device
from services.token.domain import exchange as token_exchange
from services.token.domain.binding import Binding
from services.token.domain.client import CLIENT, Client
from services.token.domain.code import Shown
from services.token.domain.errors import InvalidClient, InvalidRequest
from services.token.domain.exchange import ACCESS_TOKEN, JWT, Wanted, refused
from services.token.ports import Token
from services.token.queries import known
from watchword.claims import Claims
from watchword.verifier import Verifier

TOKEN_PATH = "/oauth2/token"


@dataclass(frozen=True, slots=True)
class Asking:
    """A request for a token: by whom, with which form, and what was proven that the token is to be bound to."""

    token: Token
    verifier: Verifier
    client: Client
    form: Form
    by: By
    binding: Binding
    awaited: Awaited

    @property
    def scope(self) -> str | None:
        return self.form.get("scope")

    @property
    def resources(self) -> list[str]:
        return self.form.all("resource")


Grant = Callable[[Asking], Awaitable[Answered]]


async def _authorization_code(asking: Asking) -> Answered:
    form, by, awaited = asking.form, asking.by, asking.awaited
    brought = Shown(form.get("redirect_uri"), form.get("code_verifier"))
    code = form.require("code")
    return await redeem(asking.token, asking.client, code, brought, asking.resources, by, awaited, asking.binding)


async def _refresh(asking: Asking) -> Answered:
    presented, scope, resources = asking.form.require("refresh_token"), asking.scope, asking.resources
    by, awaited, binding = asking.by, asking.awaited, asking.binding
    return await refresh(asking.token, asking.client, presented, scope, resources, by, awaited, binding)


async def _client_credentials(asking: Asking) -> Answered:
    scope, resources = asking.scope, asking.resources
    return await client_credentials(asking.token, asking.client, scope, resources, asking.by, asking.binding)


async def _device(asking: Asking) -> Answered:
    code, by, awaited = asking.form.require("device_code"), asking.by, asking.awaited
    return await poll(asking.token, asking.client, code, asking.resources, by, awaited, asking.binding)


async def _exchange(asking: Asking) -> Answered:
    form = asking.form
    if form.get("requested_token_type") not in (None, ACCESS_TOKEN, JWT):
        raise InvalidRequest(f"requested_token_type is {ACCESS_TOKEN}")
    subject, actor = await _presented(asking, "subject_token"), None
    if form.get("actor_token") is not None:
        actor = await _presented(asking, "actor_token")
    elif form.get("actor_token_type") is not None:
        raise InvalidRequest("actor_token_type stands without actor_token (RFC 8693 2.1)")
    wanted = Wanted(asking.scope, (*form.all("resource"), *form.all("audience")))
    return await exchange(asking.token, asking.client, subject, actor, wanted, asking.by, asking.binding)


async def _presented(asking: Asking, name: str) -> Claims:
    """A token that was sent in, whose proof is judged by the command. Raises InvalidRequest."""
    presented, kind = asking.form.require(name), asking.form.require(f"{name}_type")
    if kind not in (ACCESS_TOKEN, JWT):
        raise InvalidRequest(f"{name}_type is {ACCESS_TOKEN}")
    claims = await known(asking.verifier, presented)
    if claims is None:
        raise refused(name)
    return claims


async def _bearer(asking: Asking) -> Answered:
    assertion, endpoints = asking.form.require("assertion"), asking.token.addresses(TOKEN_PATH)
    scope, resources = asking.scope, asking.resources
    return await bearer(asking.token, asking.client, assertion, endpoints, scope, resources, asking.by, asking.binding)


GRANTS: Mapping[str, Grant] = {
    "authorization_code": _authorization_code,
    "refresh_token": _refresh,
    "client_credentials": _client_credentials,
    device.GRANT_TYPE: _device,
    token_exchange.GRANT_TYPE: _exchange,
    jwt_bearer.GRANT_TYPE: _bearer,
}


async def asks(token: Token, request: Request, form: Form) -> Client:
    """The client that asks for a token. Raises InvalidClient.

    RFC 7521 4.1: with an assertion as its grant it need not prove itself besides; then the grant alone says who it is.
    """
    if form.get("grant_type") != jwt_bearer.GRANT_TYPE or shown(request, form):
        return await client_of(token, request, form)
    issuer = issuer_of(form.require("assertion"))
    client = await token.log.fresh(CLIENT, issuer)
    if not client.known or form.get("client_id") not in (None, issuer):
        raise InvalidClient
    return client
