"""Requests against a suite: as many as it takes, or half of that."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Self

from httpx2 import AsyncClient, Limits

from tests.harness.applications import Application, machine, own_token
from tests.harness.people import People, Person
from tests.harness.running import Running

AT_ONCE = 16

Request = Callable[[], Awaitable[None]]


class Load:
    """Clients that keep their connections, in one process beside the suite."""

    def __init__(self, suite: Running) -> None:
        self.suite = suite
        self._http = AsyncClient(timeout=30, trust_env=False, limits=Limits(max_connections=AT_ONCE))
        self._people = People(suite, self._http)
        self._refresh_tokens: list[str] = []
        self.requests = {
            "client_credentials": self._client_credentials,
            "refresh": self._refresh,
            "introspect": self._introspect,
        }

    async def __aenter__(self) -> Self:
        self._machine: Application = await machine(self.suite)
        self._token = await own_token(self._http, self.suite, self._machine)
        person: Person = await self._people.register()
        for _ in range(AT_ONCE):
            self._refresh_tokens.append((await self._people.login(person)).refresh_token)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def at_full(self, seconds: float, name: str = "client_credentials") -> float:
        """Sends one after the other, 16 at once; how many were answered a second."""
        done, begun = 0, time.perf_counter()

        async def client() -> None:
            nonlocal done
            while time.perf_counter() - begun < seconds:
                await self.requests[name]()
                done += 1

        await asyncio.gather(*(client() for _ in range(AT_ONCE)))
        self.full = done / (time.perf_counter() - begun)
        return self.full

    @asynccontextmanager
    async def at_half(self) -> AsyncIterator[None]:
        """Sends half as many a second as were answered when it sent all it could, evenly, while the context lasts."""
        full = await self.at_full(5.0)
        pause = AT_ONCE / (full / 2)

        async def client(number: int) -> None:
            await asyncio.sleep(pause * number / AT_ONCE)
            due = time.perf_counter()
            while True:
                await self._client_credentials()
                due += pause
                await asyncio.sleep(max(0.0, due - time.perf_counter()))

        clients = [asyncio.ensure_future(client(number)) for number in range(AT_ONCE)]
        try:
            yield
        finally:
            for one in clients:
                one.cancel()
            await asyncio.gather(*clients, return_exceptions=True)

    async def _client_credentials(self) -> None:
        await own_token(self._http, self.suite, self._machine)

    async def _refresh(self) -> None:
        answer = await self._people.refresh(self._refresh_tokens.pop())
        assert answer.status_code == 200, answer.text
        self._refresh_tokens.insert(0, answer.json()["refresh_token"])

    async def _introspect(self) -> None:
        found = await self._people.introspect(self._token)
        assert found["active"] is True
