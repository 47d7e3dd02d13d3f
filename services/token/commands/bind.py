"""What tokens are bound to: the key of the request's DPoP proof (RFC 9449 5), the client's certificate (RFC 8705 3)."""

from collections.abc import Collection

from cryptography import x509

from services.token.adapters.nonces import is_good
from services.token.domain import SECOND
from services.token.domain.binding import UNBOUND, Binding
from services.token.domain.certificate import x5t
from services.token.domain.client import Client
from services.token.domain.errors import InvalidDpopProof, InvalidRequest, UseDpopNonce
from services.token.ports import Token
from watchword.dpop import Proof, ProofRefused, read_proof


async def judge_proof(token: Token, text: str, method: str, urls: Collection[str]) -> Proof:
    """A proof that is good, if it comes for the first time. Raises InvalidDpopProof, UseDpopNonce."""
    try:
        proof = read_proof(text, method=method, urls=urls, now=token.log.now() // SECOND)
    except ProofRefused as refused:
        raise InvalidDpopProof(str(refused)) from None
    if token.proving.nonces and (proof.nonce is None or not await is_good(token.log, proof.nonce)):
        raise UseDpopNonce
    return proof


async def prove_key(token: Token, proof: Proof | None) -> str:
    """The thumbprint of the key that a proof proves, which is taken once; empty without one.

    Raises InvalidDpopProof.
    """
    if proof is None:
        return ""
    if not await token.kept.claim("dpop", f"{proof.jkt} {proof.jti}", proof.expires_at * SECOND):
        raise InvalidDpopProof("the DPoP proof was used before (jti)")
    return proof.jkt


def binding(client: Client, jkt: str, shown: x509.Certificate | None) -> Binding:
    """What the client's tokens are bound to. Raises where it has not proven what it registered that it would."""
    if client.dpop_bound_access_tokens and not jkt:
        raise InvalidRequest("the client's tokens are bound to a key, and no DPoP proof was given (RFC 9449 5.2)")
    if not client.tls_client_certificate_bound_access_tokens:
        return Binding(jkt) if jkt else UNBOUND
    if shown is None:
        raise InvalidRequest("the client's tokens are bound to its certificate, and it shows none")
    return Binding(jkt, x5t(shown))
