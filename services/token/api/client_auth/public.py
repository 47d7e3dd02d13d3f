"""none: a public client says who it is, and proves nothing (RFC 6749 2.1)."""

from starlette.requests import Request

from chassis.web import Form
from services.token.commands.clients import authenticate
from services.token.commands.prove import require_method
from services.token.domain.client import Client
from services.token.ports import Token


async def prove(token: Token, request: Request, form: Form) -> Client:
    """The public client that the form names."""
    return require_method(await authenticate(token, form.require("client_id"), None), "none")
