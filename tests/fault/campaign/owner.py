"""Somebody who changes their password during a campaign."""

import asyncio
from dataclasses import replace

from tests.fault.campaign.clients import Client, introspects
from tests.harness.people import Person, Signed

PAUSE = 3.0
ANOTHER = "seven quiet otters under ice"


class Owner(Client):
    """Is signed in twice, and changes the password in one of the sessions: that one goes on, the other ends."""

    async def live(self, closing: asyncio.Event) -> None:
        while not closing.is_set():
            person = await self.registers()
            kept, other = await self.logs_in(person), await self.logs_in(person)
            if kept is not None and other is not None:
                await self._changes_password(person, kept, other)
            await asyncio.sleep(PAUSE)

    async def _changes_password(self, person: Person, kept: Signed, other: Signed) -> None:
        """Once: where no answer came nobody knows which password it is, and nobody asks again."""
        self.ends(other.access_token)
        url = self.people.url("identity") + "/v1/account/password"
        body = {"current_password": person.password, "new_password": ANOTHER}
        answer = await self.history.heard("password", self.people.http.put(url, json=body, headers=kept.bearer))
        if answer is None:
            return
        if answer.status_code == 401:  # the key that signed the token may have been dropped meanwhile
            self.history.denied("identity.0", "401", kept.access_token)
            return
        if answer.status_code != 200:
            self.history.odd.append(f"password: {answer.status_code} {answer.text[:200]}")
            return
        self.history.acknowledge("identity", "credential.changed", kept.account_id)
        await self.cannot_log_in(person)
        await self.logs_in(replace(person, password=ANOTHER))
        if answer.json()["applied"]:
            await self.cannot_refresh(other.refresh_token)
        await self._goes_on(kept)

    async def _goes_on(self, kept: Signed) -> None:
        """The session in which it was changed is spared."""
        await introspects(self, kept.access_token, 0)
        answer = await self.refreshes(kept.refresh_token, 1)
        if answer is not None and answer.status_code != 200:
            self.refused(kept.access_token, kept.refresh_token, 1, answer)
