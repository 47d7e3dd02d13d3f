"""Commands that are sent at once: as it happens, or so that one is decided before another and stored after it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random

from eventlog.store import Appended, Command, Store
from tests.races.at_random import DelayedStore, Delays

LAG = 0.02
"""Seconds in which all begin that are nearly at once: as long as one takes."""


class GatedStore(DelayedStore):
    """Takes its time for all requests, and for appends until they are let through."""

    def __init__(self, store: Store, delays: Delays) -> None:
        super().__init__(store, delays)
        self._open, self._waiting = asyncio.Event(), asyncio.Event()
        self._open.set()

    async def append(self, command: Command) -> Appended:
        self._waiting.set()
        await self._open.wait()
        return await super().append(command)

    @asynccontextmanager
    async def held(self) -> AsyncIterator[asyncio.Event]:
        """Appends wait until the end of it; the event tells that one does."""
        self._open.clear()
        self._waiting.clear()
        try:
            yield self._waiting
        finally:
            self._open.set()


Call = Callable[[], Awaitable[str]]
Sending = Callable[[Sequence[Call]], Awaitable[list[str]]]
"""How calls are made at once; their answers."""


def nearly(chance: Random) -> Sending:
    """Each begins when it likes."""

    async def late(call: Call) -> str:
        await asyncio.sleep(chance.uniform(0, LAG))
        return await call()

    async def send(calls: Sequence[Call]) -> list[str]:
        return await asyncio.gather(*map(late, calls))

    return send


def overtaken(gate: GatedStore, number: int) -> Sending:
    """Of two, that of the number goes through the gate: it is decided first and stored last."""

    async def send(calls: Sequence[Call]) -> list[str]:
        async with asyncio.timeout(60), gate.held() as waiting:
            held = asyncio.ensure_future(calls[number]())
            await waiting.wait()
            other = await calls[1 - number]()
        return [await held, other] if number == 0 else [other, await held]

    return send
