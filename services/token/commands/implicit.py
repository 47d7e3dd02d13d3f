"""Tokens that the authorization endpoint gives itself (OpenID Connect Core 3.2), as if a code had been redeemed."""

from eventlog.log import By
from services.token.adapters.codes import PresentedCode
from services.token.commands.awaited import asked_now
from services.token.commands.redeem import Redeeming, give
from services.token.domain.binding import UNBOUND
from services.token.domain.client import CLIENT
from services.token.domain.code import Code, Shown, judge_redemption
from services.token.domain.events import CodeIssued
from services.token.domain.response_type import IMPLICIT
from services.token.ports import Token


async def redeem_at_once(token: Token, issued: CodeIssued, response_type: str, by: By) -> tuple[dict[str, str], int]:
    """What the client is told, and the position of it. The code has left for nowhere, and does not leave any more.

    Raises Refusal as `redeem` does; then the request has to be made anew.
    """
    genuine = PresentedCode(issued.refresh_key, issued.code_id)

    def judge(code: Code, client_id: str, now: int) -> None:
        judge_redemption(code, client_id, Shown(issued.redirect_uri, None), now)

    client = await token.log.fresh(CLIENT, issued.client_id)
    redeeming = Redeeming(IMPLICIT, judge)
    answered = await give(token, client, genuine, redeeming, [], by, asked_now(), UNBOUND)
    answer, said = answered.answer, {"id_token": answered.answer.id_token or ""}
    if "token" in response_type.split():
        bearer = {"access_token": answer.access_token, "token_type": answer.token_type}
        said |= bearer | {"expires_in": str(answer.expires_in), "scope": answer.scope}
    return said, answered.position
