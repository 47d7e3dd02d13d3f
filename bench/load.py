"""Requests against a suite, from a process of their own: `python -m bench.load DIR PER_SECOND`, until it is ended."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from httpx2 import AsyncClient, Limits

from suite import contract
from suite.databases import SERVICES
from suite.fleet import Fleet
from suite.place import Place
from suite.ports import Address
from tests.harness.applications import machine, own_token
from tests.harness.people import People
from tests.harness.running import Suite

AT_ONCE = 16

Request = Callable[[], Awaitable[None]]


class Load:
    """Clients that keep their connections."""

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self._http = AsyncClient(timeout=30, trust_env=False, limits=Limits(max_connections=AT_ONCE))
        self._people = People(suite, self._http)
        self._refresh_tokens: list[str] = []
        self.requests: dict[str, Request] = {
            "client_credentials": self._client_credentials,
            "refresh": self._refresh,
            "introspect": self._introspect,
        }

    async def __aenter__(self) -> Self:
        self._machine = await machine(self.suite)
        self._token = await own_token(self._http, self.suite, self._machine)
        person = await self._people.register()
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
        return done / (time.perf_counter() - begun)

    async def at(self, per_second: float) -> None:
        """Sends so many client_credentials a second, evenly, for ever."""
        pause = AT_ONCE / per_second

        async def client(number: int) -> None:
            due = time.perf_counter() + pause * number / AT_ONCE
            while True:
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                await self._client_credentials()
                due += pause

        await asyncio.gather(*(client(number) for number in range(AT_ONCE)))

    async def _client_credentials(self) -> None:
        await own_token(self._http, self.suite, self._machine)

    async def _refresh(self) -> None:
        answer = await self._people.refresh(self._refresh_tokens.pop())
        assert answer.status_code == 200, answer.text
        self._refresh_tokens.insert(0, answer.json()["refresh_token"])

    async def _introspect(self) -> None:
        found = await self._people.introspect(self._token)
        assert found["active"] is True


@contextmanager
def beside(data: Path, per_second: float) -> Iterator[None]:
    """The load, from another process while the context lasts, so that who measures shares no event loop with it."""
    process = subprocess.Popen([sys.executable, "-m", "bench.load", str(data), str(per_second)])
    try:
        time.sleep(3.0)  # until it has begun, logins included
        assert process.poll() is None, "the load ended by itself"
        yield
    finally:
        process.kill()
        process.wait(10)


def found(data: Path) -> Suite:
    """The suite that runs on a directory."""
    place = Place(data)
    known = contract.read(place)
    rest = {name: Address.parse(known.api(name).rest.removeprefix("http://")) for name in SERVICES}
    grpc = {name: Address.parse(known.api(name).grpc) for name in SERVICES}
    return Suite(place, Fleet(rest=rest, grpc=grpc), known)


async def _main(data: Path, per_second: float) -> None:
    async with Load(found(data)) as load:
        await load.at(per_second)


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), float(sys.argv[2])))
