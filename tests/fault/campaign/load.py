"""Everybody who uses a suite during a campaign, at work."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from random import Random

import grpc.aio
import httpx2

from tests.fault.campaign.clients import (
    PATIENCE,
    TIMEOUT,
    Client,
    Customer,
    asks_for_account,
    introspects,
    verifies,
)
from tests.fault.campaign.history import History
from tests.fault.campaign.world import World
from tests.harness.people import People, Signed
from tests.harness.running import GaveUp
from watchword.token.v1 import token_pb2, token_pb2_grpc

WARDEN, ROTATION, REGISTRATION = 2.5, 8.0, 1.0
"""Seconds between two revocations by an administrator, two rotations of keys, two registrations."""
PROBE = 0.25
"""Seconds between two rounds of a thief's."""


class Warden(Client):
    """An administrator who ends sessions, and in between rotates keys."""

    async def live(self, closing: asyncio.Event) -> None:
        person, admin = await self.registers(), await self.must_log_in(self.world.admin)
        due = time.monotonic() + ROTATION
        while not closing.is_set():
            login = await self.logs_in(person)
            if login is not None:
                admin = await self._ends(login, admin)
            if time.monotonic() > due:
                due = time.monotonic() + ROTATION
                await rotates(self.world, self.history)
            await asyncio.sleep(WARDEN)

    async def _ends(self, login: Signed, admin: Signed) -> Signed:
        self.ends(login.access_token)
        body = {"session_id": login.session_id, "reason": "a test"}
        request = self.people.post("token", "/v1/revocations", headers=admin.bearer, **body)
        answer = await self.history.heard("revoke", request)
        if answer is not None and answer.status_code == 200:
            position = answer.json()["position"]
            self.history.acknowledge("token", "session.revoked", login.session_id, position)
        elif answer is not None and answer.status_code == 401:
            return await self.must_log_in(self.world.admin)
        return admin


async def rotates(world: World, history: History, where: str = "token.0") -> None:
    """Rotates the signing key and the refresh key; nothing that was given before is refused for it."""
    async with world.channel("token", target=world.fleets[where].target("token")) as channel:
        stub = token_pb2_grpc.TokenServiceStub(channel)
        for request in (token_pb2.RotateKeyRequest(refresh=True), token_pb2.RotateKeyRequest()):
            try:
                await stub.RotateKey(request, timeout=5)
                history.counts["rotate: done"] += 1
            except grpc.aio.AioRpcError as error:
                history.counts[f"rotate: {error.code().name}"] += 1


class Prober(Client):
    """A thief who tries, everywhere, tokens that were ended a moment ago."""

    async def live(self, closing: asyncio.Event) -> None:
        while not closing.is_set():
            self.dead[:] = [one for one in self.dead if one[1] > time.time()]
            for token, _ in self.dead[-6:]:
                await asyncio.gather(
                    introspects(self, token, 0),
                    introspects(self, token, 1),
                    asks_for_account(self, token),
                    *(verifies(self, token, name) for name in self.world.watchmen),
                )
            await asyncio.sleep(PROBE)


class Registrar(Client):
    """Registers one name after another."""

    registered = 0

    async def live(self, closing: asyncio.Event) -> None:
        while not closing.is_set():
            await self.registers()
            self.registered += 1
            await asyncio.sleep(REGISTRATION)


@dataclass
class Load:
    """The clients at work."""

    history: History
    customers: list[Customer]
    registrar: Registrar
    working: list[asyncio.Task[None]]

    async def goes_on(self) -> None:
        """Returns once everybody was answered once more. Raises GaveUp, and what went wrong for one of them."""
        wanted = {one: one.answered + 1 for one in self.customers}
        registered, deadline = self.registrar.registered + 1, time.monotonic() + PATIENCE
        while self.registrar.registered < registered or any(one.answered < n for one, n in wanted.items()):
            for task in self.working:
                if task.done():
                    task.result()
            if time.monotonic() > deadline:
                waiting = {n: one.doing for n, one in enumerate(self.customers) if one.answered < wanted[one]}
                raise GaveUp(f"not within {PATIENCE:.0f} s: customers {waiting} go on, somebody registers")
            await asyncio.sleep(0.05)


@asynccontextmanager
async def loaded(world: World, history: History, seed: int, customers: int) -> AsyncIterator[Load]:
    """A load while the context lasts; each client over connections of its own."""
    async with AsyncExitStack() as stack:
        dead: list[tuple[str, float]] = []

        async def people() -> People:
            one = await stack.enter_async_context(People.of(world))
            one.http.timeout = httpx2.Timeout(TIMEOUT)
            return one

        made = [Customer(world, await people(), history, dead) for _ in range(customers)]
        await asyncio.gather(*(one.begins(Random(f"{seed}/customer/{n}")) for n, one in enumerate(made)))
        registrar = Registrar(world, await people(), history, dead)
        others: tuple[Registrar | Warden | Prober, ...] = (
            registrar,
            Warden(world, await people(), history, dead),
            Prober(world, await people(), history, dead),
        )
        closing = asyncio.Event()
        working = [asyncio.ensure_future(one.live(closing)) for one in (*made, *others)]
        try:
            yield Load(history, made, registrar, working)
            closing.set()
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*working)
                await asyncio.gather(*(one.once_more() for one in made))
        finally:
            for task in working:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)
