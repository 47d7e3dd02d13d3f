"""An application's own endpoint on this machine: it keeps what it is sent, refuses or is dead, and comes back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from tests.harness.ports import free_ports


@dataclass
class Endpoint:
    """Served at `url` while it is `open`. `status` is what it answers; `forms` are those that it took."""

    port: int = field(default_factory=lambda: free_ports(1)[0])
    status: int = 200
    forms: list[dict[str, str]] = field(default_factory=list)
    tried: int = 0
    _server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/backchannel"

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = int(head.partition("content-length:")[2].partition("\r\n")[0])
            body = await reader.readexactly(length)
            self.tried += 1
            assert head.startswith("post /backchannel ")
            assert "application/x-www-form-urlencoded" in head
            if self.status == 200:
                self.forms.append({name: value for name, (value,) in parse_qs(body.decode()).items()})
            writer.write(f"HTTP/1.1 {self.status} Said\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def listening(*, dead: bool = False) -> AsyncIterator[Endpoint]:
    """An endpoint; a dead one is not there yet."""
    endpoint = Endpoint()
    if not dead:
        await endpoint.open()
    try:
        yield endpoint
    finally:
        await endpoint.close()
