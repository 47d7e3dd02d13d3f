"""uvicorn, driven by the process: no signal handlers of its own, and headers that have an end."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from chassis.readiness import PortTaken
from chassis.settings import Address
from chassis.telemetry import correlate
from chassis.web.problem import problem

MAX_HEAD = 32 * 1024
TOO_LARGE = "The request's head is too large."
HEAD_PATIENCE = 15.0
KEEP_ALIVE = 30
GRACE = 2


class BoundedHttp(HttpToolsProtocol):
    """HTTP/1.1 whose request heads are bounded in size and time; a longer one is 400, a slower one the end."""

    _head = 0
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio.Protocol."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._head_arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._head += len(data)
        super().data_received(data)
        if self._head > MAX_HEAD and not self.transport.is_closing():
            self.send_400_response(TOO_LARGE)

    def send_400_response(self, msg: str) -> None:
        """See HttpToolsProtocol; as the applications say it."""
        correlate(None)
        answer = problem(400, "malformed_http", msg, {"Connection": "close"})
        head = b"".join(b"%s: %s\r\n" % header for header in answer.raw_headers)
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + head + b"\r\n" + bytes(answer.body))
        self.transport.close()

    def on_message_begin(self) -> None:
        """See httptools."""
        super().on_message_begin()
        if self._late is None:
            self._expect_head()

    def on_headers_complete(self) -> None:
        """See httptools. What is raised here is answered with 400."""
        self._head_arrived()
        # A head that came in one piece with what follows it is measured only here.
        size = len(self.url) + sum(len(name) + len(value) + len(": \r\n") for name, value in self.headers)
        if size > MAX_HEAD:
            raise ValueError(TOO_LARGE)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """See httptools."""
        self._head = 0
        super().on_body(body)

    def _expect_head(self) -> None:
        self._late = self.loop.call_later(HEAD_PATIENCE, self.transport.close)

    def _head_arrived(self) -> None:
        self._head = 0
        if self._late is not None:
            self._late.cancel()
            self._late = None


class HttpServer(uvicorn.Server):
    """Serves until `should_exit`; signals are the process's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield


def http_server(app: ASGIApp) -> HttpServer:
    """A server for an application that knows for itself who asks."""
    config = uvicorn.Config(
        app,
        http=BoundedHttp,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
    )
    return HttpServer(config)


def listen(address: Address) -> socket.socket:
    """A socket bound to the address. Raises PortTaken."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # A port that another has bound but does not yet listen on shows only here.
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise PortTaken(f"HTTP cannot listen on {address}: {error.strerror}") from None
    listener.setblocking(False)
    return listener
