"""An administrator at work during a campaign: ends sessions, shuts accounts, recalls what groups gave."""

import asyncio
import secrets
from typing import Any

from tests.fault.campaign.administrator import Administrator
from tests.harness.people import Signed

PAUSE = 2.5


class Warden(Administrator):
    """One act after the other."""

    async def live(self, closing: asyncio.Event) -> None:
        person = await self.registers()
        await self.arrived()
        while not closing.is_set():
            if (login := await self.logs_in(person)) is not None:
                await self._ends(login)
            await self._disables()
            await self._recalls()
            await asyncio.sleep(PAUSE)

    async def _ends(self, login: Signed) -> None:
        self.ends(login.access_token)
        body = {"session_id": login.session_id, "reason": "a test"}
        request = self.people.post("token", "/v1/revocations", headers=self.admin.bearer, **body)
        answer = await self.administers("revoke", request)
        if answer is not None:
            self.history.acknowledge("token", "session.revoked", login.session_id, answer.json()["position"])

    async def _disables(self) -> None:
        """An account is shut once: where no answer came nobody knows, and nobody asks again."""
        person = await self.registers()
        login = await self.logs_in(person)
        if login is None:
            return
        self.ends(login.access_token)
        url, headers = f"/v1/accounts/{login.account_id}/disable", self.admin.bearer
        request = self.people.post("identity", url, headers=headers, reason="a test")
        answer = await self.administers("disable", request)
        if answer is None:
            return
        self.history.acknowledge("identity", "account.disabled", login.account_id, answer.json()["position"])
        await self.cannot_log_in(person)
        if answer.json()["applied"]:
            await self.cannot_refresh(login.refresh_token)

    async def _recalls(self) -> None:
        """Somebody is put into a group, and out of it so that it holds at once: their tokens end."""
        login = await self.logs_in(await self.registers())
        if login is None:
            return
        self.ends(login.access_token)
        group = f"group-{secrets.token_hex(6)}"
        member = {"kind": "membership", "group": group, "member": f"account/{login.account_id}"}
        if await self._writes("group", write=[{"kind": "group", "id": group}, member]):
            self.history.acknowledge("policy", "member.added", group)
            if await self._writes("recall", remove=[member], recall=True):
                self.history.acknowledge("policy", "member.removed", group)

    async def _writes(self, what: str, **facts: Any) -> bool:
        headers = self.admin.bearer | {"Watchword-Position": self.positions}
        request = self.people.post("policy", "/v1/facts", headers=headers, **facts)
        return await self.administers(what, request) is not None
