"""The load over HTTP: a process of its own that does as little as a client can, so that it is never what is measured.

Bytes that were made before are written, and of an answer only its status, length and end are looked at. It says what
CPU it took itself. `python -m bench.http_load` reads an HttpJob from stdin.
"""

import asyncio
import ssl
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from itertools import cycle
from typing import Any, cast

import msgspec
import uvloop

from bench.jobs import Broken, Done, HttpJob, Ready, Told

MARK = b'"refresh_token":"'
END = b"\r\n\r\n"
LENGTH = b"content-length: "


class Connection(asyncio.Protocol):
    """Sends one request after the other; `answered` is given each answer, and says what to send next, if anything."""

    def __init__(self, answered: Callable[["Connection", bytes], bytes | None]) -> None:
        self._answered = answered
        self._buffer = b""
        self._whole = 0
        self.sent = 0.0
        self.transport: asyncio.Transport
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def send(self, request: bytes) -> None:
        self.sent = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if not self._whole:
            head = self._buffer.find(END)
            if head < 0:
                return
            at = self._buffer[:head].lower().find(LENGTH) + len(LENGTH)
            self._whole = head + len(END) + int(self._buffer[at : at + 8].partition(b"\r")[0])
        if len(self._buffer) >= self._whole:
            answer, self._buffer, self._whole = self._buffer, b"", 0
            following = self._answered(self, answer)
            if following is not None:
                self.send(following)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


class Load:
    """One run."""

    def __init__(self, job: HttpJob) -> None:
        self._job = job
        self._latencies: list[float] = []
        self._counting = False
        self._over = False
        self._why = ""
        self._bodies: Iterator[bytes] = cycle(job.requests)
        self._tls = ssl.create_default_context(cafile=job.ca) if job.ca else None

    async def run(self) -> Told:
        clients = [asyncio.ensure_future(client) for client in self._clients()]
        await asyncio.sleep(self._job.warm_up)
        tell(Ready())
        begun, spent = time.perf_counter(), time.process_time()
        self._counting = True
        await asyncio.sleep(self._job.seconds)
        self._counting = False
        seconds, spent = time.perf_counter() - begun, time.process_time() - spent
        self._over = True
        async with asyncio.timeout(5):
            await asyncio.gather(*clients)
        if self._why:
            return Broken(self._why)
        return Done(len(self._latencies), seconds, self._latencies, spent)

    def _clients(self) -> list[Coroutine[Any, Any, None]]:
        job = self._job
        if job.refresh_tokens:
            return [self._keeps(self._refreshing(token)) for token in job.refresh_tokens[: job.connections]]
        if job.per_second:
            return [self._paces(number) for number in range(job.connections)]
        one = self._anew if job.each_anew else lambda: self._keeps(lambda _: next(self._bodies))
        return [one() for _ in range(job.connections)]

    async def _connected(self, answered: Callable[[Connection, bytes], bytes | None]) -> Connection:
        loop = asyncio.get_running_loop()
        name = self._job.host if self._tls else None
        made = loop.create_connection(
            lambda: Connection(answered), self._job.host, self._job.port, ssl=self._tls, server_hostname=name
        )
        return (await made)[1]

    async def _keeps(self, following: Callable[[bytes], bytes]) -> None:
        """Keeps its connection."""

        def answered(connection: Connection, answer: bytes) -> bytes | None:
            return None if self._took(connection.sent, answer) else following(answer)

        connection = await self._connected(answered)
        connection.send(following(b""))
        while not self._over and not self._why:
            await asyncio.sleep(0.1)
        await asyncio.sleep(0.2)
        connection.transport.close()

    async def _anew(self) -> None:
        """Makes a connection for each request."""
        while not self._over and not self._why:
            begun = time.perf_counter()

            def answered(connection: Connection, answer: bytes, begun: float = begun) -> None:
                self._took(begun, answer)
                connection.transport.close()

            connection = await self._connected(answered)
            connection.send(next(self._bodies))
            await connection.ended

    async def _paces(self, number: int) -> None:
        """Sends when it is due; one that is late counts from when it was."""
        waiting: list[asyncio.Future[None]] = []

        def answered(connection: Connection, answer: bytes) -> None:
            self._took(connection.sent, answer)
            waiting.pop().set_result(None)

        connection = await self._connected(answered)
        pause = self._job.connections / (self._job.per_second or 1.0)
        due = time.perf_counter() + pause * number / self._job.connections
        while not self._over and not self._why:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            waiting.append(asyncio.get_running_loop().create_future())
            arrived = waiting[-1]
            connection.send(next(self._bodies))
            await arrived
            due += pause
        connection.transport.close()

    def _refreshing(self, token: str) -> Callable[[bytes], bytes]:
        head, before, after = self._job.requests

        def following(answer: bytes) -> bytes:
            at = answer.find(MARK) + len(MARK)
            held = answer[at : answer.index(b'"', at)] if answer else token.encode()
            body = before + held + after
            return b"%sContent-Length: %d\r\n\r\n%s" % (head, len(body), body)

        return following

    def _took(self, sent: float, answer: bytes) -> bool:
        """Whether that was the last."""
        if self._counting:
            self._latencies.append((time.perf_counter() - sent) * 1000)
        if not answer.startswith(b"HTTP/1.1 200"):
            self._why = self._why or answer[:400].decode(errors="replace")
        return self._over or bool(self._why)


def tell(what: Told) -> None:
    """To the process that measures."""
    sys.stdout.buffer.write(msgspec.json.encode(what) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    wanted = msgspec.json.decode(sys.stdin.buffer.readline(), type=HttpJob)
    tell(uvloop.run(Load(wanted).run()))
