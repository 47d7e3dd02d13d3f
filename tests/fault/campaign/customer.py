"""Applications and their users during a campaign: refresh, retry, replay, introspect, verify."""

import asyncio
import time
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, ClassVar

import httpx2

from tests.fault.campaign.clients import (
    PAUSE,
    Client,
    asks_for_account,
    generation,
    introspects,
    key_of,
    verifies,
)
from tests.fault.customers import cookie_of
from tests.harness.people import claims


class Customer(Client):
    """An app that refreshes, each time with the last token that it was given, and whose user does other things too."""

    acts: ClassVar[Mapping[str, int]] = {
        "refresh": 50,
        "retry": 10,
        "introspect": 14,
        "verify": 14,
        "account": 7,
        "visit": 3,
        "replay": 2,
    }

    async def begins(self, chance: Random) -> None:
        self._chance = chance
        self._loyal = chance.random() < 0.5
        self._person = await self.registers()
        self._guest = await self.registers()
        await self._comes_in()
        self.answered = 0

    async def _comes_in(self) -> None:
        login = await self.must_log_in(self._person)
        self._takes(login.refresh_token, login.access_token)

    def _takes(self, refresh_token: str, access_token: str) -> None:
        self.refresh_token, self.access_token, self._before = refresh_token, access_token, ""

    async def live(self, closing: asyncio.Event) -> None:
        acts: dict[str, Callable[[], Any]] = {act: getattr(self, f"_{act}") for act in self.acts}
        while not closing.is_set():
            (act,) = self._chance.choices(list(acts), list(self.acts.values()))
            await acts[act]()
            await asyncio.sleep(PAUSE)

    async def once_more(self) -> None:
        """Goes on, at last: refreshes until it is answered."""
        before = self.answered
        while self.answered == before:
            await self._refresh()
            await asyncio.sleep(PAUSE)

    def _where(self) -> int:
        return 0 if self._loyal else self._chance.randrange(2)

    async def _refresh(self) -> bool:
        """Whether it was given the next one."""
        presented, where = self.refresh_token, self._where()
        answer = await self.refreshes(presented, where)
        if answer is None:
            return False
        if answer.status_code != 200:
            await self._starts_anew(presented, where, answer)
            return False
        self.refresh_token, self.access_token = answer.json()["refresh_token"], answer.json()["access_token"]
        self._before = presented
        self.answered += 1
        if generation(self.refresh_token) != generation(presented) + 1:
            self.history.odd.append(f"generation {self.refresh_token.split('.')[2:4]} for {presented.split('.')[3]}")
        return True

    async def _retry(self) -> None:
        """As if the answer had been lost."""
        asked = time.time()
        if not await self._refresh() or time.time() > asked + 2:
            return
        where = self._where()
        answer = await self.refreshes(self._before, where)
        if answer is not None and answer.status_code != 200:
            await self._starts_anew(self._before, where, answer)
        elif answer is not None and answer.json()["refresh_token"] != self.refresh_token:
            self.history.odd.append(f"two successors of {self._before.split('.')[2:4]}")

    async def _starts_anew(self, presented: str, where: int, answer: httpx2.Response) -> None:
        self.refused(self.access_token, presented, where, answer)
        self.history.counts["logged in anew"] += 1
        await self._comes_in()

    async def _introspect(self) -> None:
        await introspects(self, self.access_token, self._where())

    async def _verify(self) -> None:
        await verifies(self, self.access_token, self._chance.choice(list(self.world.watchmen)))

    async def _account(self) -> None:
        await asks_for_account(self, self.access_token)

    async def _visit(self) -> None:
        """A session that is logged out again."""
        login = await self.logs_in(self._guest)
        if login is None:
            return
        self.ends(login.access_token)
        headers = {"X-CSRF-Token": login.csrf_token, "Cookie": cookie_of(login)}
        out = await self.history.heard("logout", self.people.post("identity", "/v1/logout", headers=headers))
        if out is not None and out.status_code == 200:
            self.history.acknowledge("identity", "session.ended", login.session_id, out.json()["position"])
        elif out is not None:
            self.history.odd.append(f"logout: {out.status_code} {out.text[:200]}")

    async def _replay(self) -> None:
        """A thief uses a token that was used long ago."""
        login = await self.logs_in(self._guest)
        if login is None:
            return
        self.history.wished |= {login.account_id}
        first = await self.refreshes(login.refresh_token, self._where())
        if first is None or first.status_code != 200:
            return
        second = await self.refreshes(first.json()["refresh_token"], self._where())
        if second is None or second.status_code != 200:
            return
        family = claims(login.access_token)["fam"]
        self.history.provoked.add(family)
        self.ends(second.json()["access_token"])
        again = await self.history.heard("replay", self.people.refresh(login.refresh_token, self._where()))
        if again is not None and again.status_code == 400:
            self.history.replayed[family] = key_of(login.refresh_token)
        elif again is not None:
            self.history.odd.append(f"replay: {again.status_code}")
