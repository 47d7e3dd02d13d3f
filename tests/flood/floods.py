"""Connections that mean harm, and what they cost the service that they are made to."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial

import httpx2
import psutil

from suite.ports import Address
from tests.harness.running import GaveUp, Running

MIB = 1024 * 1024
AT_ONCE = 250
HONEST = b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
EVALUATION = b"POST /access/v1/evaluation HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"


class Flood(asyncio.Protocol):
    """A connection that sends what it is told to, and remembers what it got and when it was ended."""

    def __init__(self, sent: bytes, *, reads: bool = True) -> None:
        self.said = b""
        self.ended: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport
        self._sent = sent
        self._reads = reads

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        if not self._reads:
            transport.pause_reading()
        transport.write(self._sent)

    def data_received(self, data: bytes) -> None:
        self.said += data

    def connection_lost(self, _: Exception | None) -> None:
        self.ended.set_result(time.monotonic())


@asynccontextmanager
async def flood(address: Address, count: int, sent: bytes, *, reads: bool = True) -> AsyncIterator[list[Flood]]:
    """So many connections, which are ended with the block."""
    loop, made, begin = asyncio.get_running_loop(), list[Flood](), partial(Flood, sent, reads=reads)
    try:
        for begun in range(0, count, AT_ONCE):
            some = min(AT_ONCE, count - begun)
            opened = [loop.create_connection(begin, address.host, address.port) for _ in range(some)]
            made += [one for _, one in await asyncio.gather(*opened)]
        yield made
    finally:
        for one in made:
            one.transport.abort()
        await asyncio.gather(*(one.ended for one in made))


@dataclass
class Watched:
    """What a service's process has taken in since the watch began."""

    process: psutil.Process
    began: int
    most: int = field(default=0)

    @property
    def grown(self) -> float:
        """MiB, at its most."""
        return (max(self.most, self._rss()) - self.began) / MIB

    def look(self) -> None:
        self.most = max(self.most, self._rss())

    def _rss(self) -> int:
        return int(self.process.memory_info().rss)


@contextmanager
def watched(suite: Running, name: str) -> Iterator[Watched]:
    """Watches a service; it must be the same process at the end."""
    process = psutil.Process(suite.pid(name))
    service = Watched(process, process.memory_info().rss)
    yield service
    print(f"{name}: {service.began / MIB:.0f} MiB before, {service.grown:.1f} MiB more at its most")
    assert suite.pid(name) == process.pid, f"{name} has ended"


async def honest(url: str) -> None:
    """Somebody who comes meanwhile, on a connection of their own, is answered."""
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as http:
        answer = await http.get(f"{url}/livez")
    assert answer.status_code == 200, answer.text


async def all_ended(floods: list[Flood], within: float) -> None:
    """Returns once the other side has ended all of them. Raises GaveUp."""
    _, left = await asyncio.wait([one.ended for one in floods], timeout=within)
    if left:
        raise GaveUp(f"{len(left)} of {len(floods)} are still connected after {within} s")


def peers_of(suite: Running, name: str) -> set[int]:
    """The ports from which somebody is connected to a service's process."""
    connections = psutil.Process(suite.pid(name)).net_connections("tcp")
    return {one.raddr.port for one in connections if one.raddr}


async def until(condition: Callable[[], bool], what: str, within: float = 30.0) -> None:
    """Returns once the condition is true. Raises GaveUp."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise GaveUp(what)
        await asyncio.sleep(0.05)
