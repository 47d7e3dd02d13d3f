"""GET and POST /oauth2/userinfo (OpenID Connect Core 5.3)."""

from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from chassis.auth import scoped
from chassis.proofs import Presented, Proofs, certified
from chassis.web import NO_STORE, Hot, Json, is_form, oauth_form
from chassis.web.forms import invalid
from eventlog.errors import Kind, Refusal
from services.identity.api import answers
from services.identity.api.callers import Callers
from services.identity.commands.sessions import of_claims
from services.identity.domain.profile import profile
from services.identity.ports import Authorizations
from watchword.claims import Claims

PATH = "/oauth2/userinfo"
OPENID = "openid"


class SigningClients(Protocol):
    """What is known here of token's clients; services.identity.queries.Queries is one."""

    async def signed_userinfo(self, client_id: str) -> bool:
        """Whether a client is registered for signed answers."""
        ...


@dataclass(frozen=True, slots=True)
class UserInfo:
    """What an application is told of the person who let it know."""

    callers: Callers
    proofs: Proofs
    clients: SigningClients
    token: Authorizations

    def endpoints(self) -> list[Hot]:
        """Served before FastAPI, and documented by it."""
        return [
            Hot("GET", PATH, self.userinfo, answers.USERINFO, answers.Profile),
            Hot("POST", PATH, self.userinfo, answers.USERINFO, answers.Profile),
        ]

    async def userinfo(self, request: Request) -> Response:
        """Of whom the token speaks for, as far as its scope goes. Raises Refusal (RFC 6750 3.1)."""
        presented = await self._presented(request)
        claims = presented.fits(await self.callers.bearers.verified(presented.token, presented.proven))
        scoped(claims, OPENID)
        try:
            person = await of_claims(self.callers.identity, *await self._of_whom(claims))
        except Refusal as refusal:
            if refusal.kind is Kind.UNAUTHENTICATED:
                raise Refusal(Kind.UNAUTHENTICATED, "invalid_token", "the session is over") from None
            raise
        said = profile(person.account, claims.scope, claims.userinfo_claims) | {"sub": claims.sub}
        if not await self.clients.signed_userinfo(claims.client_id):
            return Json(said, headers=NO_STORE)
        signed = await self.token.sign_userinfo(claims.client_id, person.account.id, said)
        return Response(signed, headers=NO_STORE, media_type="application/jwt")

    async def _of_whom(self, claims: Claims) -> tuple[str, str | None]:
        """Account and session. Token alone knows whom its client calls by a name of its own (OpenID Connect Core 8)."""
        if not claims.pairwise or claims.fam is None:
            return claims.sub, claims.sid
        account_id, session_id = await self.token.person_of(claims.fam)
        return account_id, session_id or None

    async def _presented(self, request: Request) -> Presented:
        """The token, by header or, with POST, in the form, and never in the address (RFC 6750 2, 5.3).

        One that is bound to a key comes by header (RFC 9449 7.1).
        """
        header = await self.proofs.presented(request)
        posted = request.method == "POST" and is_form(request)
        in_form = (await oauth_form(request)).get("access_token") if posted else None
        if header is not None and in_form is not None:
            raise invalid("the token is presented by one method, not by two")
        if header is None and in_form is None:
            raise Refusal(Kind.UNAUTHENTICATED, "authentication_required", "this needs a bearer token")
        return header or Presented(in_form or "", certified(request))
