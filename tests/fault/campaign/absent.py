"""Somebody whose application goes on without them during a campaign (`offline_access`)."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from random import Random
from typing import ClassVar
from urllib.parse import urlencode

import httpx2

from tests.fault.campaign.clients import PAUSE, TIMEOUT
from tests.fault.campaign.customer import Customer
from tests.harness.applications import registered
from tests.harness.browsing import Browser
from tests.harness.visits import BACK, Visit


class Absent(Customer):
    """Enters an application in a browser and signs out: the family hangs from the grant, and outlives it (RULES 7)."""

    acts: ClassVar[Mapping[str, int]] = {"refresh": 50, "retry": 10, "introspect": 14, "verify": 14}

    async def begins(self, chance: Random) -> None:
        self._application = await registered(
            self.world,
            grant_types=["authorization_code", "refresh_token"],
            scopes=["openid", "offline_access"],
            redirect_uris=[BACK],
        )
        self.app = self._application.client_id
        await super().begins(chance)

    async def _comes_in(self) -> None:
        while not await self._entered():
            await asyncio.sleep(PAUSE)

    async def _entered(self) -> bool:
        """One try. Where anything on the way is not answered as it should be, the next begins from the start."""
        async with httpx2.AsyncClient(timeout=TIMEOUT, trust_env=False) as http:
            visit = Visit(self.world, http, self._application)
            browser = Browser.before(http, self.world.url("identity"))
            with suppress(httpx2.TransportError, AssertionError, LookupError, ValueError):
                await visit.enter(browser, self._person, "openid offline_access")
                leaving = urlencode({"id_token_hint": visit.tokens["id_token"]})
                left = await browser.open(f"{self.world.url('identity')}/oauth2/logout?{leaving}")
                assert left.response.status_code == 200
                self._takes(visit.tokens["refresh_token"], visit.tokens["access_token"])
                return True
        return False
