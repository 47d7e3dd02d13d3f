"""Bearer → who calls, through the SDK's verifier. 401 is "who are you", 403 is "not allowed" (RFC 6750, RULES 10)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.datastructures import Headers

from eventlog.errors import Kind, Refusal, unavailable
from watchword.claims import Claims
from watchword.errors import TokenRefused
from watchword.proof import NOTHING, Proven
from watchword.verifier import Verifier

ACCOUNT = "watchword:account"
ADMIN = "watchword:admin"
EVALUATE = "watchword:evaluate"
SEARCH = "watchword:search"

Decide = Callable[[Claims, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Bearers:
    """Whom a bearer stands for. The verifier asks for the suite's own audience, the issuer.

    `decide(claims, action)` asks policy whether an administrator may; it raises Refusal (FORBIDDEN, or UNAVAILABLE
    where policy cannot answer) and otherwise returns.
    """

    verifier: Verifier
    decide: Decide

    async def claims(self, headers: Headers, *scopes: str) -> Claims:
        """The claims of the bearer in `Authorization`, which has one of `scopes`.

        Raises Refusal `authentication_required`, `invalid_token`, `insufficient_scope` or `verification_unavailable`.
        """
        bearer = bearer_of(headers)
        if bearer is None:
            raise Refusal(Kind.UNAUTHENTICATED, "authentication_required", "this needs a bearer token")
        return scoped(await self.verified(bearer), *scopes)

    async def administrator(self, headers: Headers, action: str) -> Claims:
        """As `claims`, for an administrator whom policy allows the action."""
        claims = await self.claims(headers, ADMIN)
        await self.decide(claims, action)
        return claims

    async def authorize(self, bearer: str, action: str) -> str:
        """The same over gRPC (chassis.rpc.Admission.authorize): answers the actor."""
        claims = scoped(await self.verified(bearer), ADMIN)
        await self.decide(claims, action)
        return claims.sub

    async def verified(self, bearer: str, proven: Proven = NOTHING) -> Claims:
        """Raises Refusal `invalid_token`, or `verification_unavailable` where only knowledge is lacking."""
        try:
            return await self.verifier.verify(bearer, proven)
        except TokenRefused as refused:
            if refused.temporary:
                raise unavailable("verification_unavailable", refused.description) from None
            raise Refusal(Kind.UNAUTHENTICATED, "invalid_token", refused.description) from None


def scoped(claims: Claims, *scopes: str) -> Claims:
    """Raises Refusal `insufficient_scope` unless the token has one of the scopes; without any it lets nobody in."""
    if claims.scope.isdisjoint(scopes):
        raise Refusal(Kind.FORBIDDEN, "insufficient_scope", f"this needs the scope {' or '.join(scopes)}")
    return claims


def bearer_of(headers: Headers) -> str | None:
    """The token of an `Authorization: Bearer` header (RFC 6750 2.1), None where there is no such header.

    Raises Refusal `invalid_token` where there are several.
    """
    given = headers.getlist("authorization")
    if len(given) > 1:
        raise Refusal(Kind.UNAUTHENTICATED, "invalid_token", "there are several Authorization headers")
    scheme, _, token = given[0].partition(" ") if given else ("", "", "")
    return token.strip() if scheme.lower() == "bearer" else None
