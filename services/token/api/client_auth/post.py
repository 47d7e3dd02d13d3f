"""client_secret_post (RFC 6749 2.3.1)."""

from starlette.requests import Request

from chassis.web import Form
from services.token.commands.clients import authenticate
from services.token.commands.prove import require_method
from services.token.domain.client import Client
from services.token.domain.errors import InvalidClient
from services.token.ports import Token


async def prove(token: Token, request: Request, form: Form) -> Client:
    """The client whose id and secret the form holds."""
    client_id = form.get("client_id")
    if client_id is None:
        raise InvalidClient("the client did not say who it is")
    client = await authenticate(token, client_id, form.get("client_secret"))
    return require_method(client, "client_secret_post")
