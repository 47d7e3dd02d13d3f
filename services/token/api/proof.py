"""What a request proves besides who the client is (RFC 9449 5, RFC 8705 3)."""

from starlette.requests import Request

from chassis.web.certificates import client_certificate
from services.token.adapters.nonces import nonce
from services.token.commands.bind import binding, judge_proof, prove_key
from services.token.domain.binding import UNBOUND, Binding
from services.token.domain.client import Client
from services.token.domain.errors import InvalidDpopProof
from services.token.ports import Token
from watchword.dpop import Proof


async def proof_of(token: Token, request: Request) -> Proof | None:
    """The request's DPoP proof, where there is one. Raises InvalidDpopProof, UseDpopNonce.

    It is judged before anything of the request is used up, the client's assertion above all: whoever is told a nonce
    may send all else as it was. The answer says which nonce the next proof needs, whatever it is (RFC 9449 8.2).
    """
    proofs = request.headers.getlist("dpop")
    if not proofs:
        return None
    if token.proving.nonces:
        named = (b"dpop-nonce", (await nonce(token.log)).encode())
        request.scope.setdefault("watchword.headers", []).append(named)
    if len(proofs) > 1:
        raise InvalidDpopProof("there are several DPoP headers")
    return await judge_proof(token, proofs[0], request.method, token.addresses(request.scope["path"]))


async def binding_of(token: Token, request: Request, client: Client, proof: Proof | None) -> Binding:
    """What the tokens that answer the request are to be bound to. Raises InvalidDpopProof, InvalidRequest."""
    if proof is None and not client.constrained:
        return UNBOUND
    return binding(client, await prove_key(token, proof), client_certificate(request.scope))
