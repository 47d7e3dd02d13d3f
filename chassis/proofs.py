"""Whether whoever presents a token holds what it is bound to: a key (RFC 9449 7), a certificate (RFC 8705 3)."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cryptography.hazmat.primitives.serialization import Encoding
from starlette.requests import Request

from chassis.kept import Kept
from chassis.web.certificates import client_certificate
from eventlog.errors import Kind, Refusal
from watchword.claims import Claims
from watchword.dpop import ProofRefused, read_proof
from watchword.proof import NOTHING, Proven
from watchword.signed import base64url

_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Presented:
    """An access token as it came, and what came with it. Its repr shows no token."""

    token: str
    proven: Proven = NOTHING

    def __repr__(self) -> str:
        return f"Presented({self.proven})"

    def fits(self, claims: Claims) -> Claims:
        """Raises Refusal `invalid_token` where a key was proven for a token that is bound to none (RFC 9449 7.1)."""
        if self.proven.jkt is not None and (claims.cnf is None or claims.cnf.jkt is None):
            raise Refusal(Kind.UNAUTHENTICATED, "invalid_token", "the token is not bound to a key: it is a Bearer's")
        return claims


@dataclass(frozen=True, slots=True)
class Proofs:
    """Judges proofs at a service's own endpoints.

    `origins` are those under which it is known: the operator's word, never a Host header's. `now` is the log's time.
    """

    kept: Kept
    now: Callable[[], int]
    origins: Iterable[str]

    async def presented(self, request: Request) -> Presented | None:
        """The token of the Authorization header with what was proven; None where there is no such header.

        Raises Refusal `invalid_token` and `invalid_dpop_proof`.
        """
        given = request.headers.getlist("authorization")
        if len(given) > 1:
            raise Refusal(Kind.UNAUTHENTICATED, "invalid_token", "there are several Authorization headers")
        scheme, _, token = given[0].partition(" ") if given else ("", "", "")
        match scheme.lower():
            case "bearer":
                return Presented(token.strip(), certified(request))
            case "dpop":
                return Presented(token.strip(), Proven(await self._jkt(request, token.strip()), _x5t(request)))
        return None

    async def _jkt(self, request: Request, token: str) -> str:
        proofs = request.headers.getlist("dpop")
        if len(proofs) != 1:
            raise _invalid("just one DPoP proof goes with the token")
        urls = [f"{origin}{request.scope['path']}" for origin in self.origins]
        now = self.now() // _SECOND
        try:
            proof = read_proof(proofs[0], method=request.method, urls=urls, now=now, access_token=token)
        except ProofRefused as refused:
            raise _invalid(str(refused)) from None
        if not await self.kept.claim("dpop", f"{proof.jkt} {proof.jti}", proof.expires_at * _SECOND):
            raise _invalid("the DPoP proof was used before (jti)")
        return proof.jkt


def certified(request: Request) -> Proven:
    """What the connection alone proves."""
    return Proven(x5t=_x5t(request))


def _x5t(request: Request) -> str | None:
    certificate = client_certificate(request.scope)
    return None if certificate is None else base64url(hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest())


def _invalid(detail: str) -> Refusal:
    return Refusal(Kind.UNAUTHENTICATED, "invalid_dpop_proof", detail)
