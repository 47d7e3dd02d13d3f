"""Reading a request's body: bounded in size and time, before anything looks at it."""

import asyncio

from starlette.responses import Response
from starlette.types import Message, Receive, Scope

from chassis.web.problem import told
from eventlog.errors import Kind, Refusal

MAX_BODY = 64 * 1024
PATIENCE = 10.0
# A client that is cut off while it sends sees a reset connection, not the answer: so some more is swallowed.
SWALLOWED = 2 * 1024 * 1024
KEPT = 16 * 1024 * 1024
"""Bytes that a process keeps of bodies that have begun and not ended."""


class Disconnected(Exception):
    """The client has gone; nobody waits for an answer."""


class Answered(Exception):
    """The request is answered, and goes no further."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


class Unfinished:
    """Bodies that are under way, the oldest first. Where they are too much together, the oldest has had its time."""

    def __init__(self, most: int = KEPT) -> None:
        self._most = most
        self._kept: dict[asyncio.Timeout, int] = {}
        self._total = 0

    def grow(self, patience: asyncio.Timeout, size: int) -> None:
        """So much of a body has come; `patience` is what it is read within."""
        self._kept[patience] = self._kept.get(patience, 0) + size
        self._total += size
        while self._total > self._most:
            oldest = next(iter(self._kept))
            self.end(oldest)
            oldest.reschedule(asyncio.get_running_loop().time())

    def end(self, patience: asyncio.Timeout) -> None:
        """It is not under way any more."""
        self._total -= self._kept.pop(patience, 0)


_UNFINISHED = Unfinished()


async def read_body(scope: Scope, receive: Receive, limit: int = MAX_BODY) -> bytes:
    """The whole body, empty where there is none.

    Raises Refusal `body_too_large`, Answered with 408 `request_timeout` after 10 s, and Disconnected.
    """
    declared = _declared(scope)
    if declared == 0:
        return b""
    if declared is not None and declared > SWALLOWED:
        raise _too_large(limit)
    try:
        async with asyncio.timeout(PATIENCE) as patience:
            try:
                body = await _read(receive, limit, patience)
            finally:
                _UNFINISHED.end(patience)
    except TimeoutError:
        slow = told(scope["path"], 408, "request_timeout", "the body did not arrive in time", {"Connection": "close"})
        raise Answered(slow) from None
    if body is None:
        raise _too_large(limit)
    return body


async def _read(receive: Receive, limit: int, patience: asyncio.Timeout) -> bytes | None:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        if size > SWALLOWED:
            return None
        if not message.get("more_body", False):
            return b"".join(chunks) if size <= limit else None
        if size <= limit:
            _UNFINISHED.grow(patience, len(chunk))


def replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once more, then what comes."""
    unread = [body]

    async def again() -> Message:
        if unread:
            return {"type": "http.request", "body": unread.pop(), "more_body": False}
        return await receive()

    return again


def _declared(scope: Scope) -> int | None:
    """Bytes announced; None where their number is not."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else None
        if name == b"transfer-encoding":
            return None
    return 0


def _too_large(limit: int) -> Refusal:
    return Refusal(Kind.TOO_LARGE, "body_too_large", f"a body has at most {limit} bytes")
