"""Everybody who uses a suite during a campaign, at work."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from random import Random

import httpx2

from tests.fault.campaign.absent import Absent
from tests.fault.campaign.clients import (
    PATIENCE,
    PROCESSES,
    TIMEOUT,
    Client,
    asks_for_account,
    introspects,
    verifies,
)
from tests.fault.campaign.customer import Customer
from tests.fault.campaign.history import History
from tests.fault.campaign.locksmith import Locksmith
from tests.fault.campaign.machine import Machine
from tests.fault.campaign.owner import Owner
from tests.fault.campaign.warden import Warden
from tests.fault.campaign.world import World
from tests.harness.people import People, claims
from tests.harness.running import GaveUp

REGISTRATION, PROBE = 1.0, 0.25
"""Seconds between two registrations, and between two rounds of a thief's."""
TRIED = 3
"""Tokens of either kind that the thief tries in one round."""


class Prober(Client):
    """A thief who tries, everywhere, tokens that were ended just now, and those that were longest ago: by then no bound
    excuses who takes one."""

    async def live(self, closing: asyncio.Event) -> None:
        while not closing.is_set():
            self.dead[:] = [one for one in self.dead if one[1] > time.time()]
            for token, _ in (*self.dead[:TRIED], *self.dead[TRIED:][-TRIED:]):
                await asyncio.gather(
                    introspects(self, token, 0),
                    introspects(self, token, 1),
                    *([asks_for_account(self, token)] if "sid" in claims(token) else []),
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
    """The clients at work; `asked` are all who say whether a token is good."""

    history: History
    customers: list[Customer]
    registrar: Registrar
    working: list[asyncio.Task[None]]
    asked: tuple[str, ...]

    async def goes_on(self) -> None:
        """Returns once everybody was answered once more, and everybody who is asked has accepted a token.

        Raises GaveUp, and what went wrong for one of them.
        """
        was, deadline = self._answered(), time.monotonic() + PATIENCE
        while waiting := [name for name, number in self._answered().items() if number == was[name]]:
            for task in self.working:
                if task.done():
                    task.result()
            if time.monotonic() > deadline:
                raise GaveUp(f"not within {PATIENCE:.0f} s: {', '.join(waiting)}")
            await asyncio.sleep(0.05)

    def _answered(self) -> dict[str, int]:
        """How often, by what goes on."""
        accepted = {name: self.history.counts[name] for name in (f"accepted by {one}" for one in self.asked)}
        customers = {f"customer {number} goes on": one.answered for number, one in enumerate(self.customers)}
        return accepted | customers | {"somebody registers": self.registrar.registered}


@asynccontextmanager
async def loaded(world: World, history: History, seed: int, customers: int) -> AsyncIterator[Load]:
    """A load while the context lasts; each client over connections of its own."""
    async with AsyncExitStack() as stack:
        dead: list[tuple[str, float]] = []

        async def people() -> People:
            one = await stack.enter_async_context(People.of(world))
            one.http.timeout = httpx2.Timeout(TIMEOUT)
            return one

        kinds = [*[Customer] * customers, Absent]
        made = [kind(world, await people(), history, dead) for kind in kinds]
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(one.begins(Random(f"{seed}/customer/{n}")) for n, one in enumerate(made)))
        registrar = Registrar(world, await people(), history, dead)
        others = [kind(world, await people(), history, dead) for kind in (Warden, Owner, Machine, Locksmith, Prober)]
        closing = asyncio.Event()
        working = [asyncio.ensure_future(one.live(closing)) for one in (*made, registrar, *others)]
        try:
            yield Load(history, made, registrar, working, (*PROCESSES, "identity.0", *world.watchmen))
            closing.set()
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*working)
                await asyncio.gather(*(one.once_more() for one in made))
        finally:
            for task in working:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)
