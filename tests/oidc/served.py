"""Applications of a test's own, and proxies before them, on loopback."""

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path

import uvicorn
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.harness.running import free_ports, until


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
