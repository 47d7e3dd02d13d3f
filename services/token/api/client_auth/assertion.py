"""client_secret_jwt and private_key_jwt (RFC 7523 2.2, OpenID Connect Core 9)."""

from starlette.requests import Request

from chassis.web import Form
from services.token.commands.prove import by_assertion
from services.token.domain.assertion import TYPE, TYPES
from services.token.domain.client import Client
from services.token.domain.errors import InvalidClient, InvalidRequest
from services.token.ports import Token
from watchword.signed import read_signed


async def prove(token: Token, request: Request, form: Form) -> Client:
    """The client that has signed the assertion."""
    if form.require("client_assertion_type") != TYPE:
        raise InvalidRequest(f"client_assertion_type is {TYPE}")
    try:
        signed = read_signed(form.require("client_assertion"), TYPES)
    except ValueError as error:
        raise InvalidClient(f"the assertion is not a JWT that is taken here: {error}") from None
    client_id = signed.claims.get("sub")
    if not isinstance(client_id, str) or form.get("client_id") not in (None, client_id):
        raise InvalidClient("the assertion is about another client than client_id (sub)")
    return await by_assertion(token, client_id, signed, token.addresses(request.scope["path"]))
