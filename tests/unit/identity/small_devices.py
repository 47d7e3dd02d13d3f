"""Devices that wait for somebody to enter their code, as token keeps them, in memory."""

from dataclasses import dataclass, field
from typing import Any

from services.identity.ports import Asked, Connected, Device, Ended, Overtaken, SignedIn, Wrong
from tests.unit.identity.house import SmallToken

CODE = "BCDF-GHJK"


@dataclass(slots=True)
class SmallDevices:
    """`waiting` by code; a decision is kept, and the code is good no more."""

    token: SmallToken
    waiting: dict[str, Device] = field(default_factory=dict)
    decided: list[SignedIn] = field(default_factory=list)

    def wait(self, code: str = CODE, *scopes: str, offline: int = 0, **about: Any) -> None:
        asked = Asked(client_id="tv", client_name="The TV", **about)
        self.waiting[code] = Device(code, asked, scopes or ("openid", "films:watch"), offline)

    async def look_up(self, user_code: str) -> Device | Wrong:
        self.token._answer()
        plain = user_code.upper().replace("-", "").replace(" ", "")
        found = self.waiting.get(f"{plain[:4]}-{plain[4:]}")
        return found or Wrong("unknown_user_code", "nothing waits for this code, or no more")

    async def decide(self, user_code: str, signed_in: SignedIn) -> Connected | Wrong | Ended | Overtaken:
        found = await self.look_up(user_code)
        if isinstance(found, Wrong):
            return found
        session, decision = signed_in.session, signed_in.decision
        if session.session_id in self.token.ended:
            return Ended()
        if self.token.revoked.get(session.account_id, 0) > session.seen:
            return Overtaken(self.token.revoked[session.account_id])
        del self.waiting[found.user_code]
        self.decided.append(signed_in)
        return Connected(decision is not None and decision.allow and bool(decision.scopes))
