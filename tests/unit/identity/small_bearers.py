"""Bearers that identity's REST takes, without token and policy."""

from starlette.datastructures import Headers

from chassis.auth import ADMIN, scoped
from eventlog.errors import Kind, Refusal, unavailable
from watchword.claims import Claims
from watchword.proof import NOTHING, Confirmation, Proven


class SmallBearers:
    """Bearers by their text: `<account> <session> <scope>`; policy allows the accounts in `administrators`."""

    def __init__(self) -> None:
        self.known: dict[str, Claims] = {}
        self.administrators: set[str] = set()
        self.policy_answers = True

    def issue(
        self,
        account_id: str,
        session_id: str | None,
        *scopes: str,
        asked: tuple[str, ...] = (),
        cnf: Confirmation | None = None,
        client_id: str = "app",
        family_id: str | None = None,
    ) -> dict[str, str]:
        """Of a family, without a position of the session: the token of a pairwise client."""
        bearer = f"bearer-{len(self.known)}"
        self.known[f"Bearer {bearer}"] = Claims(
            iss="i",
            sub=account_id,
            aud=("i",),
            exp=1,
            iat=0,
            jti=bearer,
            client_id=client_id,
            scope=frozenset(scopes),
            pos=1,
            kid="k",
            sid=session_id,
            fam=family_id,
            userinfo_claims=asked,
            cnf=cnf,
        )
        return {"Authorization": f"Bearer {bearer}"}

    async def claims(self, headers: Headers, *scopes: str) -> Claims:
        claims = self.known.get(headers.get("authorization", ""))
        if claims is None:
            raise Refusal(Kind.UNAUTHENTICATED, "invalid_token", "not one of ours")
        return scoped(claims, *scopes)

    async def verified(self, bearer: str, proven: Proven = NOTHING) -> Claims:
        claims = await self.claims(Headers({"authorization": f"Bearer {bearer}"}), *self.known_scopes)
        if claims.cnf is not None and not claims.cnf.proven_by(proven):
            raise Refusal(Kind.UNAUTHENTICATED, "invalid_token", "bound to a proof that was not given")
        return claims

    @property
    def known_scopes(self) -> frozenset[str]:
        return frozenset().union(*(claims.scope for claims in self.known.values()))

    async def administrator(self, headers: Headers, action: str) -> Claims:
        if "authorization" not in headers:
            raise Refusal(Kind.UNAUTHENTICATED, "authentication_required", "this needs a bearer token")
        claims = await self.claims(headers, ADMIN)
        if not self.policy_answers:
            raise unavailable("policy_unavailable", "policy does not answer")
        if claims.sub not in self.administrators:
            raise Refusal(Kind.FORBIDDEN, "not_allowed", "policy does not allow it")
        return claims
