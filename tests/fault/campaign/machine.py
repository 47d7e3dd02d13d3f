"""Backends during a campaign: clients of their own, tokens for themselves, and the end of one token and of all."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from itertools import cycle

import httpx2

from tests.fault.campaign.administrator import Administrator
from tests.fault.campaign.clients import PROCESSES, introspects, verifies
from tests.fault.campaign.endings import AccessToken
from tests.harness.applications import Application
from tests.harness.people import claims

PAUSE = 3.0


class Machine(Administrator):
    """One client after the other: each gives a token back; then all that it holds is ended, or it is deleted,
    or neither.

    What is not answered has happened or has not: nobody knows, and nobody asks again.
    """

    async def live(self, closing: asyncio.Event) -> None:
        await self.arrived()
        ends = cycle((self._is_revoked, None, self._is_deleted))
        while not closing.is_set():
            if (client := await self._registers()) is not None:
                await self._lives_as(client, next(ends))
            await asyncio.sleep(PAUSE)

    async def _lives_as(self, client: Application, end: Callable[[Application], Awaitable[None]] | None) -> None:
        first, second = await self._given(client, 0), await self._given(client, 1)
        if first is not None:
            await self._gives_back(client, first)
        if second is not None and end is not None:
            self.ends(second)
        elif second is not None:  # what it did not give back stays good
            await introspects(self, second, 0)
        if end is not None:
            await end(client)

    async def _registers(self) -> Application | None:
        body = {"client_id": f"machine-{secrets.token_hex(6)}", "grant_types": ["client_credentials"]}
        request = self.people.post("token", "/v1/clients", headers=self.admin.bearer, **body)
        answer = await self.administers("client", request)
        if answer is None:
            return None
        made = Application(answer.json()["client_id"], answer.json()["client_secret"])
        self.history.acknowledge("token", "client.registered", made.client_id, answer.json()["position"])
        return made

    async def _given(self, client: Application, where: int) -> str | None:
        """A token, which whoever is asked accepts."""
        answer = await self._asks("client_credentials", client, where)
        if answer is None:
            return None
        if answer.status_code != 200:
            self.history.odd.append(f"client_credentials: {answer.status_code} {answer.text[:200]}")
            return None
        token: str = answer.json()["access_token"]
        self.history.acknowledge("token", "token.issued", claims(token)["jti"], claims(token)["pos"])
        await introspects(self, token, where)
        for name in self.world.watchmen:
            await verifies(self, token, name)
        return token

    async def _gives_back(self, client: Application, token: str) -> None:
        """RFC 7009: this one, no other."""
        self.ends(token)
        request = self.people.http.post(
            self.people.url("token") + "/oauth2/revoke", data={"token": token}, auth=client.auth
        )
        answer = await self.history.heard("revoke a token", request)
        if answer is not None and answer.status_code == 200:
            self.history.given_back.append(AccessToken.of(token))
        elif answer is not None:
            self.history.odd.append(f"revoke a token: {answer.status_code} {answer.text[:200]}")

    async def _is_revoked(self, client: Application) -> None:
        """All that it holds ends; what it is given afterwards is good."""
        body = {"client_id": client.client_id, "reason": "a test"}
        request = self.people.post("token", "/v1/revocations", headers=self.admin.bearer, **body)
        answer = await self.administers("revoke a client", request)
        if answer is not None:
            self.history.acknowledge("token", "client.revoked", client.client_id, answer.json()["position"])
            await self._given(client, 1)

    async def _is_deleted(self, client: Application) -> None:
        url = f"{self.people.url('token')}/v1/clients/{client.client_id}"
        request = self.people.http.delete(url, headers=self.admin.bearer)
        answer = await self.administers("delete a client", request)
        if answer is not None:
            self.history.acknowledge("token", "client.deleted", client.client_id, answer.json()["position"])
            for where in range(len(PROCESSES)):
                await self._is_given_nothing(client, where)

    async def _is_given_nothing(self, client: Application, where: int) -> None:
        answer = await self._asks("client_credentials that are refused", client, where)
        if answer is not None and answer.status_code != 401:
            self.history.odd.append(f"a client that was deleted is answered {answer.status_code}")

    async def _asks(self, what: str, client: Application, where: int) -> httpx2.Response | None:
        url, form = self.people.url("token", where) + "/oauth2/token", {"grant_type": "client_credentials"}
        return await self.history.heard(what, self.people.http.post(url, data=form, auth=client.auth))
