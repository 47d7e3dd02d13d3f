"""How a client proves who it is: client_secret_basic, client_secret_post, none (RFC 6749 2.3, RFC 7591 2)."""

import base64
from urllib.parse import unquote_plus

from starlette.requests import Request

from chassis.web import Form
from services.token.commands.clients import authenticate
from services.token.domain.client import Client
from services.token.domain.errors import InvalidClient, InvalidRequest
from services.token.ports import Token


async def client_of(token: Token, request: Request, form: Form) -> Client:
    """The client that asks. Raises InvalidClient, and InvalidRequest where it uses two methods at once."""
    header = request.headers.getlist("authorization")
    if not header:
        client_id = form.get("client_id")
        if client_id is None:
            raise InvalidClient("the client did not say who it is")
        return await authenticate(token, client_id, form.get("client_secret"))
    if len(header) > 1 or form.get("client_secret") is not None:
        raise InvalidRequest("a client proves itself by one method, not by two")
    client_id, secret = _basic(header[0])
    if form.get("client_id") not in (None, client_id):
        raise InvalidRequest("client_id names another client than the Authorization header")
    return await authenticate(token, client_id, secret)


def _basic(header: str) -> tuple[str, str]:
    """RFC 6749 2.3.1: both halves are form-encoded before they are joined."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClient
    try:
        client_id, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        client_id, secret = unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict")
    except ValueError:
        raise InvalidClient from None
    if not colon or not client_id or not secret:
        raise InvalidClient
    return client_id, secret
