"""What a request proves besides who the client is (RFC 9449 5, RFC 8705 3)."""

from starlette.requests import Request

from chassis.web.certificates import client_certificate
from services.token.adapters.nonces import nonce
from services.token.commands.bind import binding, prove_key
from services.token.domain.binding import UNBOUND, Binding
from services.token.domain.client import Client
from services.token.domain.errors import InvalidDpopProof
from services.token.ports import Token


async def binding_of(token: Token, request: Request, client: Client) -> Binding:
    """What the tokens that answer the request are to be bound to. Raises InvalidDpopProof, UseDpopNonce."""
    if "dpop" not in request.headers and not client.constrained:
        return UNBOUND
    jkt = await jkt_of(token, request)
    return binding(client, jkt, client_certificate(request.scope))


async def jkt_of(token: Token, request: Request) -> str:
    """The thumbprint of the key that the request's DPoP proof proves; empty without one.

    The answer says which nonce the next proof needs, whatever it is (RFC 9449 8.2).
    """
    proofs = request.headers.getlist("dpop")
    if not proofs:
        return ""
    if token.proving.nonces:
        named = (b"dpop-nonce", (await nonce(token.log)).encode())
        request.scope.setdefault("watchword.headers", []).append(named)
    if len(proofs) > 1:
        raise InvalidDpopProof("there are several DPoP headers")
    return await prove_key(token, proofs[0], request.method, token.addresses(request.scope["path"]))
