"""An application of a test's own, served on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import ASGIApp

from tests.harness.running import free_ports


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
