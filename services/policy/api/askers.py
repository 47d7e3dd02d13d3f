"""Who may ask over REST: a client for itself, with a scope that it was registered with. Never a person (RULES 10)."""

from dataclasses import dataclass

from starlette.datastructures import Headers

from chassis.auth import Bearers
from eventlog.errors import Kind, Refusal
from watchword.claims import Claims


@dataclass(frozen=True, slots=True)
class Askers:
    """The bearers of the suite, those of them that are a client's own."""

    bearers: Bearers

    async def admit(self, headers: Headers, scope: str) -> None:
        """Raises Refusal `authentication_required`, `invalid_token`, `insufficient_scope`,
        `verification_unavailable`.
        """
        claims = await self.bearers.claims(headers, scope)
        if not _own(claims):
            raise Refusal(Kind.FORBIDDEN, "insufficient_scope", "this is for clients that ask for themselves")


def _own(claims: Claims) -> bool:
    """Whether the client has it by client credentials: it is about itself, without a session, for nobody else."""
    return claims.sub == claims.client_id and claims.sid is None and not claims.actors
