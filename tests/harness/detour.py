"""A way over TCP to a service which keeps what the service says to itself for as long as it is told to."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

CHUNK = 65536


class Detour:
    """`target` is where one connects. What comes back from the service can be held, let through, and set free."""

    def __init__(self, host: str, port: str) -> None:
        self._host = host
        self._port = int(port)
        self._holding = False
        self._kept: list[tuple[StreamWriter, bytes]] = []
        self.target = ""

    @property
    def kept(self) -> int:
        """Bytes that the service has said and nobody has heard yet."""
        return len(self.said)

    @property
    def said(self) -> bytes:
        """What the service has said and nobody has heard yet."""
        return b"".join(data for _, data in self._kept)

    def hold(self) -> None:
        """From now on what the service says is kept."""
        self._holding = True

    def let_through(self) -> None:
        """Passes on what was kept; what comes next is kept again, where it was."""
        for writer, data in self._kept:
            writer.write(data)
        self._kept.clear()

    def set_free(self) -> None:
        """Passes on what was kept and all that comes."""
        self._holding = False
        self.let_through()

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One connection."""
        far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        ways = [asyncio.create_task(self._up(reader, far_writer)), asyncio.create_task(self._down(far_reader, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in (writer, far_writer):
                end.transport.abort()

    async def _up(self, reader: StreamReader, writer: StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            writer.write(data)

    async def _down(self, reader: StreamReader, writer: StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            self._kept.append((writer, data))
            if not self._holding:
                self.let_through()


@asynccontextmanager
async def detour(target: str) -> AsyncIterator[Detour]:
    """A way to HOST:PORT while the context lasts."""
    host, _, port = target.rpartition(":")
    way = Detour(host, port)
    server = await asyncio.start_server(way.serve, "127.0.0.1", 0)
    way.target = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield way
    finally:
        server.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(server.wait_closed(), 1)
