"""uvicorn, driven by the process: no signal handlers of its own, headers that have an end, and a quiet way to go."""

import asyncio
import ctypes
import re
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from chassis.addresses import Address
from chassis.connections import LOOK, Places, places
from chassis.readiness import PortTaken
from chassis.telemetry import correlate
from chassis.web.problem import problem

MAX_HEAD = 32 * 1024
TOO_LARGE = "The request's head is too large."
HEAD_PATIENCE = 15.0
WRAPPED = 16
"""Bytes on the wire that a byte of a body may take: one in a chunk of its own takes six."""
PIPELINED = 64
"""Requests that may wait behind one on its connection."""
UNSEEN = 16 * 1024
"""Bytes that the system takes for a connection before the process reads them: what all may bring at once."""
KEEP_ALIVE = 30
GRACE = 2
DOOR = 0.05
"""Seconds for those who have connected and were not met yet."""
EARLY = 5.0
"""Seconds that a request waits for the process to have started."""
NEWCOMER = 0.2
"""Seconds that a connection has for a request that it has not sent yet."""

_HOST = re.compile(rb"(\[[0-9A-Za-z:.]+\]|[0-9A-Za-z._~!$&'()*+,;=%-]*)(:[0-9]*)?")
_AT_ONCE = frozenset({"/livez", "/readyz", "/metrics"})
# Linux, socket(7): a classic BPF program before a socket; this one drops what has SYN and no ACK.
_SO_ATTACH_FILTER = 26
_NO_NEWCOMERS = ((0x30, 0, 0, 13), (0x54, 0, 0, 0x12), (0x15, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))


class Shared(ServerState):
    """What the connections of a server share: whether it is about to go, and how many there may be."""

    leaving = False

    def __init__(self) -> None:
        super().__init__()
        self.places = Places(self.connections, places())  # type: ignore[arg-type]


class BoundedHttp(HttpToolsProtocol):
    """HTTP/1.1 whose request heads are bounded in size and time; a longer one is 400, a slower one the end.

    Where the server is about to go, an answer is the last of its connection, and says so. Of requests that are sent
    behind each other, those that are too many are not looked at: the one before them is answered as the last.
    """

    server_state: Shared
    _head = 0
    _late: asyncio.TimerHandle | None = None
    _too_many = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio.Protocol."""
        super().connection_made(transport)
        if self.server_state.places.full(self):
            self._refuse(503, "overloaded", "too many are connected", {"Retry-After": "1"})
        else:
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
        if self._too_many:
            self.flow.pause_reading()
        else:
            self._refuse(400, "malformed_http", msg, {})

    def _refuse(self, status: int, code: str, detail: str, headers: dict[str, str]) -> None:
        """Answers where there is no request for an application, and ends the connection."""
        correlate(None)
        answer = problem(status, code, detail, headers | {"Connection": "close"})
        head = b"".join(b"%s: %s\r\n" % header for header in answer.raw_headers)
        self.transport.write(STATUS_LINE[status] + head + b"\r\n" + bytes(answer.body))
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
        _check_framing(self.parser.get_http_version(), self.headers)
        if len(self.pipeline) >= PIPELINED:
            self._too_many = True
            self.leave()
            raise ValueError("too many requests behind each other")
        super().on_headers_complete()
        # Trailers come later, and are no headers: nobody in between has looked at them.
        self.headers = []
        if self.server_state.leaving:
            self.leave()

    def on_body(self, body: bytes) -> None:
        """See httptools. What chunks are wrapped in counts as a head does, beyond what small ones need."""
        self._head = max(0, self._head - WRAPPED * len(body))
        super().on_body(body)

    def leave(self) -> None:
        """The answer that is being made is the last."""
        if self.cycle is not None:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """See uvicorn. Who has connected and not asked yet may have asked already: the request is on its way."""
        if self._late is None:
            super().shutdown()
        else:
            self.loop.call_later(NEWCOMER, super().shutdown)

    def idle_since(self) -> float | None:
        """See chassis.connections.Connection."""
        if self._at_work():
            return None
        if self._late is not None:
            return self._late.when() - HEAD_PATIENCE
        timer = self.timeout_keep_alive_task
        return 0.0 if timer is None else timer.when() - self.timeout_keep_alive

    def adrift(self) -> bool:
        """See chassis.connections.Connection: a blank line or the rest of a refused body has ended the timers."""
        return not self._at_work() and self._late is None and self.timeout_keep_alive_task is None

    def unread(self) -> int:
        """See chassis.connections.Connection."""
        return self.transport.get_write_buffer_size()

    def drop(self) -> None:
        """See chassis.connections.Connection."""
        self.transport.abort()

    def _at_work(self) -> bool:
        return bool(self.pipeline) or (self.cycle is not None and not self.cycle.response_complete)

    def _expect_head(self) -> None:
        self._late = self.loop.call_later(HEAD_PATIENCE, self.transport.close)

    def _head_arrived(self) -> None:
        self._head = 0
        if self._late is not None:
            self._late.cancel()
            self._late = None


def _check_framing(version: str, headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Raises ValueError for what two servers in a row could read in two ways.

    RFC 9112 2.3 (versions), 3.2 (Host, whose grammar is RFC 3986 3.2.2's), 6.1 (codings).
    """
    if version not in ("1.0", "1.1"):
        raise ValueError("a request is of HTTP/1.0 or HTTP/1.1")
    hosts = 0
    for name, value in headers:
        if name == b"host":
            hosts += 1
            if not _HOST.fullmatch(value):
                raise ValueError("Host names no host")
        elif name == b"transfer-encoding" and value.strip().lower() != b"chunked":
            raise ValueError("chunked is the only transfer coding")
    if hosts > 1 or (version == "1.1" and not hosts):
        raise ValueError("a request names its host once")


class HttpServer(uvicorn.Server):
    """Serves until `should_exit`; signals are the process's."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.server_state = self._state = Shared()

    def leave(self) -> None:
        """From now on every answer closes its connection; new ones are still taken."""
        self._state.leaving = True
        for connection in self._state.connections:
            if isinstance(connection, BoundedHttp):
                connection.leave()

    async def on_tick(self, counter: int) -> bool:
        """See uvicorn, which calls it ten times a second."""
        if counter % round(10 * LOOK) == 0:
            self._state.places.look()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn. A listener that is closed cuts off who waits to be met, so they are met first."""
        self.leave()
        for listener in sockets or ():
            turn_away(listener)
        await asyncio.sleep(DOOR)
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures none."""
        yield


def once_started(app: ASGIApp, started: asyncio.Event) -> ASGIApp:
    """Lets who comes early wait a little, as if at the door; who asks how the process is gets in at once."""

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        if not started.is_set() and scope["path"] not in _AT_ONCE:
            with suppress(TimeoutError):
                async with asyncio.timeout(EARLY):
                    await started.wait()
        await app(scope, receive, send)

    return served


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
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UNSEEN)
        listener.bind(address)
        # A port that another has bound but does not yet listen on shows only here.
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise PortTaken(f"HTTP cannot listen on {address}: {error.strerror}") from None
    listener.setblocking(False)
    return listener


def turn_away(listener: socket.socket) -> None:
    """Lets nobody new connect, and those finish who have begun to: the others ask again, and find it closed.

    Where the system has no such filter, nothing changes.
    """
    program = b"".join(struct.pack("HBBI", *step) for step in _NO_NEWCOMERS)
    held = ctypes.create_string_buffer(program, len(program))
    with suppress(OSError):
        listener.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(_NO_NEWCOMERS), ctypes.addressof(held))
        )
