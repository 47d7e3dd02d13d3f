"""Somebody who may do what only administrators may, during a campaign."""

from collections.abc import Awaitable

import httpx2

from tests.fault.campaign.clients import Client


class Administrator(Client):
    """Has to have `arrived` before it administers."""

    async def arrived(self) -> None:
        self.admin = await self.must_log_in(self.world.admin)

    async def administers(self, what: str, request: Awaitable[httpx2.Response]) -> httpx2.Response | None:
        """The answer where it was done. Whoever's own token has expired logs in anew."""
        answer = await self.history.heard(what, request)
        if answer is None or answer.is_success:
            return answer
        if answer.status_code == 401:
            await self.arrived()
        else:
            self.history.odd.append(f"{what}: {answer.status_code} {answer.text[:200]}")
        return None
