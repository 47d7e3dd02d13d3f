"""Applications of a test's own, and proxies before them, on loopback."""

import asyncio
import json
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.harness.ports import free_ports
from tests.harness.running import until


@asynccontextmanager
async def serving(app: ASGIApp, port: int) -> AsyncIterator[None]:
    """Serves within the test's own event loop."""
    config = uvicorn.Config(app, port=port, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server._serve())
    try:
        while not server.started:
            assert not task.done(), "the application did not start"
            await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await task


@dataclass
class Published:
    """An application's own site: what stands there by path, its media type with it."""

    site: str
    at: dict[str, tuple[str, str]] = field(default_factory=dict)

    def put(self, path: str, media_type: str, text: str) -> str:
        """The address of what was put there."""
        self.at[path] = (media_type, text)
        return self.site + path

    def put_keys(self, *keys: Mapping[str, Any]) -> str:
        """The address of a set of keys (RFC 7517 5)."""
        return self.put("/jwks", "application/json", json.dumps({"keys": keys}))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        media_type, text = self.at.get(scope["path"], ("", ""))
        await Response(text, 200 if media_type else 404, media_type=media_type or None)(scope, receive, send)


@asynccontextmanager
async def publishing() -> AsyncIterator[Published]:
    """A site of an application, while the context lasts."""
    site, port = free_site()
    published = Published(site)
    async with serving(published, port):
        yield published


def free_site() -> tuple[str, int]:
    """An address that is free now, and its port."""
    (port,) = free_ports(1)
    return f"http://127.0.0.1:{port}", port


async def who(scope: Scope, receive: Receive, send: Send) -> None:
    """A page behind a proxy: it says which headers it was asked with."""
    said = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
    await JSONResponse(said)(scope, receive, send)


@contextmanager
def proxy(command: Sequence[str], port: int, log: Path) -> Iterator[None]:
    """Somebody's program that listens at a port, while the context lasts."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def listening() -> bool:
        assert process.poll() is None, log.read_text()
        with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), 1)):
            return True
        return False

    try:
        until(listening, f"{command[0]} listens", 30)
        yield
    finally:
        process.terminate()
        process.wait(10)
