"""What comes over a socket before it is a request: bounded, and answered with 4xx."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from chassis.http import http_server, listen
from chassis.readiness import PortTaken, Readiness
from chassis.settings import Address
from chassis.web import application


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    listener = listen(Address("127.0.0.1", 0))
    server = http_server(application(title="trial", readiness=Readiness(), origins=frozenset()))
    running = asyncio.ensure_future(server.serve([listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await running


async def exchanged(port: int, *pieces: bytes) -> bytes:
    """What a server says until it closes, or to a whole answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(20):
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            return await reader.read(65536)
        except ConnectionError:
            return b"reset"
        finally:
            writer.close()


@pytest.mark.parametrize(
    "pieces",
    [
        (b"NONSENSE\r\n\r\n",),
        (b"GET /livez HTTP/9.9\r\n\r\n",),
        (b"GET \xff HTTP/1.1\r\nhost: a\r\n\r\n",),
        (b"GET /livez HTTP/1.1\r\nhost: a\r\ncontent-length: one\r\n\r\n",),
        (b"POST /livez HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",),
    ],
)
async def test_what_is_no_request_is_a_400(pieces: tuple[bytes, ...]) -> None:
    async with serving() as port:
        assert (await exchanged(port, *pieces)).split(b" ", 2)[1][:1] == b"4"
        assert b"alive" in await exchanged(port, b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n")


@pytest.mark.parametrize("piece", [b"a" * 1000, b"a: " + b"b" * 1000 + b"\r\n"])
async def test_a_head_without_end_is_cut_off(piece: bytes) -> None:
    async with serving() as port:
        said = await exchanged(port, b"GET /livez HTTP/1.1\r\n", *[piece] * 200)
    assert said == b"reset" or said.startswith(b"HTTP/1.1 400")


async def test_a_head_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.http.HEAD_PATIENCE", 0.05)
    async with serving() as port:
        assert await exchanged(port, b"GET /livez HTTP/1.1\r\n") == b""


async def test_requests_behind_each_other_on_one_connection_are_all_answered() -> None:
    request = b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n"
    async with serving() as port:
        said = await exchanged(port, request * 20 + b"GET /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        while said.count(b"alive") < 1:
            raise AssertionError(said)
    assert said.startswith(b"HTTP/1.1 200")


def test_a_taken_port_is_refused() -> None:
    with listen(Address("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=f"127.0.0.1:{port}"):
            listen(Address("127.0.0.1", port))
