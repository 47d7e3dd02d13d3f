"""client_secret_basic (RFC 6749 2.3.1)."""

import base64
from urllib.parse import unquote_plus

from starlette.requests import Request

from chassis.web import Form
from services.token.commands.clients import authenticate
from services.token.commands.prove import require_method
from services.token.domain.client import Client
from services.token.domain.errors import InvalidClient, InvalidRequest
from services.token.ports import Token


async def prove(token: Token, request: Request, form: Form) -> Client:
    """The client whose id and secret the Authorization header holds."""
    header = request.headers.getlist("authorization")
    if len(header) > 1:
        raise InvalidRequest("a client proves itself by one method, not by two")
    client_id, secret = _decoded(header[0])
    if form.get("client_id") not in (None, client_id):
        raise InvalidRequest("client_id names another client than the Authorization header")
    return require_method(await authenticate(token, client_id, secret), "client_secret_basic")


def _decoded(header: str) -> tuple[str, str]:
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
