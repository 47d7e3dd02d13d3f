"""A way to a PostgreSQL socket that loses answers on demand: what was sent arrives, what comes back does not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, quote, urlsplit

SOCKET = ".s.PGSQL.5432"


class Way:
    """`lose(n)` cuts the next n connections that carry `marker` at the moment their answer comes back."""

    def __init__(self, target: Path, marker: bytes) -> None:
        self._target = target
        self._marker = marker
        self._to_lose = 0
        self._silent = False
        self.lost = 0

    def lose(self, answers: int, silent: bool = False) -> None:
        """Loses the next answers: by closing the connection, or by keeping silent on it for ever."""
        self._to_lose = answers
        self._silent = silent

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_unix_connection(str(self._target))
        doomed = asyncio.Event()
        upward = asyncio.create_task(self._up(reader, server_writer, doomed))
        downward = asyncio.create_task(self._down(server_reader, writer, doomed))
        try:
            await asyncio.wait([upward, downward], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (upward, downward):
                task.cancel()
            for end in (writer, server_writer):
                end.transport.abort()

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, doomed: asyncio.Event) -> None:
        while data := await reader.read(65536):
            if self._to_lose and self._marker in data:
                self._to_lose -= 1
                doomed.set()
            writer.write(data)

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, doomed: asyncio.Event) -> None:
        while data := await reader.read(65536):
            if not doomed.is_set():
                writer.write(data)
                continue
            self.lost += 1
            if not self._silent:
                return
            doomed.clear()
            await asyncio.Event().wait()


@asynccontextmanager
async def severable(dsn: str, marker: bytes) -> AsyncIterator[tuple[str, Way]]:
    """The DSN of a way to the same server, and the way. What carries `marker` can have its answers lost."""
    parts = urlsplit(dsn)
    target = Path(parse_qs(parts.query)["host"][0]) / SOCKET
    way = Way(target, marker)
    with TemporaryDirectory(dir="/tmp") as directory:
        server = await asyncio.start_unix_server(way.serve, path=str(Path(directory) / SOCKET))
        try:
            yield parts._replace(query=f"host={quote(directory)}").geturl(), way
        finally:
            server.close()
            with suppress(TimeoutError):
                await asyncio.wait_for(server.wait_closed(), 1)
