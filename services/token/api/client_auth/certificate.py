"""tls_client_auth and self_signed_tls_client_auth (RFC 8705 2)."""

from starlette.requests import Request

from chassis.web import Form
from chassis.web.certificates import client_certificate
from services.token.commands.prove import by_certificate
from services.token.domain.certificate import METHODS
from services.token.domain.client import CLIENT, Client
from services.token.domain.errors import InvalidClient
from services.token.ports import Token


async def known(token: Token, client_id: str) -> Client | None:
    """The client, if it is known as one that shows a certificate."""
    _, client = await token.log.state(CLIENT, client_id)
    return client if client.token_endpoint_auth_method in METHODS else None


async def prove(token: Token, request: Request, form: Form) -> Client:
    """The client that the form names, and whose certificate the connection has shown."""
    shown = client_certificate(request.scope)
    if shown is None:
        raise InvalidClient("the client shows no certificate")
    return await by_certificate(token, form.require("client_id"), shown)
