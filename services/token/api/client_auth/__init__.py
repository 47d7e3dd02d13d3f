"""How a client proves who it is: one method a file (RFC 6749 2.3, RFC 7591 2, RFC 7523, RFC 8705).

The method that a client is registered with is the only one that is taken from it.
"""

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request

from chassis.web import Form
from services.token.api.client_auth import assertion, basic, certificate, post, public
from services.token.domain.client import Client
from services.token.domain.errors import InvalidClient, InvalidRequest
from services.token.ports import Token

Prove = Callable[[Token, Request, Form], Awaitable[Client]]
METHODS: Mapping[str, Prove] = {
    "client_secret_basic": basic.prove,
    "client_secret_post": post.prove,
    "client_secret_jwt": assertion.prove,
    "private_key_jwt": assertion.prove,
    "tls_client_auth": certificate.prove,
    "self_signed_tls_client_auth": certificate.prove,
    "none": public.prove,
}
"""All that a client can be registered with."""


def shown(request: Request, form: Form) -> str | None:
    """The method by which a client proves itself within the request, or one that looks like it. Nearly all pass here.

    Raises InvalidRequest where it uses two at once.
    """
    secret, assertion = form.get("client_secret"), form.get("client_assertion")
    if "authorization" in request.headers:
        if secret is None and assertion is None:
            return "client_secret_basic"
    elif secret is None:
        return None if assertion is None else "private_key_jwt"
    elif assertion is None:
        return "client_secret_post"
    raise InvalidRequest("a client proves itself by one method, not by two")


async def client_of(token: Token, request: Request, form: Form) -> Client:
    """The client that asks. Raises InvalidClient, and InvalidRequest where it uses two methods at once."""
    method = shown(request, form)
    if method is not None:
        return await METHODS[method](token, request, form)
    client_id = form.get("client_id")
    if client_id is None:
        raise InvalidClient("the client did not say who it is")
    # A certificate is shown below HTTP: only its registration tells such a client from a public one.
    client = await certificate.known(token, client_id)
    return await METHODS["none" if client is None else client.token_endpoint_auth_method](token, request, form)
