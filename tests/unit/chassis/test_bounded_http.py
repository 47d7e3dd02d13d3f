"""What comes over a socket before it is a request: bounded, and answered with 4xx."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from chassis.addresses import Address
from chassis.http import PIPELINED, http_server, listen
from chassis.readiness import PortTaken, Readiness
from chassis.web import application


@asynccontextmanager
async def serving(app: ASGIApp | None = None) -> AsyncIterator[int]:
    listener = listen(Address("127.0.0.1", 0))
    server = http_server(app or application(title="trial", readiness=Readiness(), origins=frozenset()))
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
        (b"GET /livez HTTP/2.0\r\n\r\n",),
        (b"GET /livez HTTP/0.9\r\n\r\n",),
        (b"GET /livez\r\n\r\n",),
        (b"GET \xff HTTP/1.1\r\nhost: a\r\n\r\n",),
        (b"GET /livez HTTP/1.1\r\nhost: a\r\ncontent-length: one\r\n\r\n",),
        (b"GET /livez HTTP/1.1\r\n\r\n",),
        (b"GET /livez HTTP/1.1\r\nhost: a\r\nHost: b\r\n\r\n",),
        (b"GET /livez HTTP/1.0\r\nhost: a\r\nhost: a\r\n\r\n",),
        (b"GET /livez HTTP/1.1\r\nhost: a b\r\n\r\n",),
        (b"GET /livez HTTP/1.1\r\nhost: a/b\r\n\r\n",),
        (b"GET /livez HTTP/1.1\r\nhost: user@a\r\n\r\n",),
        (b"GET /livez HTTP/1.1\r\nhost: a:80:80\r\n\r\n",),
        (b"GET /livez HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",),
        (b"GET /livez HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",),
        (b"POST /livez HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",),
    ],
)
async def test_what_is_no_request_is_a_400(pieces: tuple[bytes, ...]) -> None:
    async with serving() as port:
        assert (await exchanged(port, *pieces)).split(b" ", 2)[1][:1] == b"4"
        assert b"alive" in await exchanged(port, b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n")
        assert b"alive" in await exchanged(port, b"GET /livez HTTP/1.0\r\n\r\n")


@pytest.mark.parametrize("host", [b"", b"localhost", b"127.0.0.1:8401", b"[::1]:8401", b"a_b.example:443"])
async def test_a_host_as_it_may_be_spelled_is_answered(host: bytes) -> None:
    async with serving() as port:
        assert b"alive" in await exchanged(port, b"GET /livez HTTP/1.1\r\nhost: %s\r\n\r\n" % host)


@pytest.mark.parametrize("piece", [b"a" * 1000, b"a: " + b"b" * 1000 + b"\r\n"])
async def test_a_head_without_end_is_cut_off(piece: bytes) -> None:
    async with serving() as port:
        said = await exchanged(port, b"GET /livez HTTP/1.1\r\n", *[piece] * 200)
    assert said == b"reset" or said.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "long", [b"GET /livez?" + b"q" * 40_000 + b" HTTP/1.1\r\n", b"GET /livez HTTP/1.1\r\na: " + b"b" * 40_000 + b"\r\n"]
)
async def test_a_head_that_comes_in_one_piece_is_bounded_too(long: bytes) -> None:
    async with serving() as port:
        said = await exchanged(port, long + b"host: a\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 400")
    assert b"alive" not in said


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


async def test_of_too_many_requests_behind_each_other_the_first_are_answered_and_the_connection_ends() -> None:
    request = b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n"
    async with serving() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request * 400)
        said = await asyncio.wait_for(reader.read(-1), 20)
        writer.close()
    assert said.count(b"HTTP/1.1 200") == said.count(b"HTTP/1.1") == PIPELINED + 1
    assert said.rpartition(b"HTTP/1.1")[2].lower().count(b"connection: close") == 1


async def test_trailers_are_no_headers() -> None:
    """Who stands between has not looked at them."""
    given: list[bytes] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        given.extend(name for name, _ in scope["headers"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    head = b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
    async with serving(app) as port:
        said = await exchanged(port, head + b"1\r\na\r\n0\r\nx-forwarded-for: 203.0.113.9\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 204")
    assert given == [b"host", b"connection", b"transfer-encoding"]


CHUNKED = b"POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"


async def swallow(scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


async def test_what_chunks_are_wrapped_in_is_bounded() -> None:
    """Else a body of a few bytes is sent at the full speed of the line for as long as bodies are waited for."""
    async with serving(swallow) as port:
        said = await exchanged(port, CHUNKED, *[b"1;" + b"e" * 8_000 + b"\r\na\r\n"] * 20, b"0\r\n\r\n")
    assert said == b"reset" or said.startswith(b"HTTP/1.1 400")


async def test_a_body_may_come_byte_by_byte() -> None:
    async with serving(swallow) as port:
        said = await exchanged(port, CHUNKED, b"1\r\na\r\n" * 60_000, b"0\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 204")


async def test_who_finds_no_place_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.http.places", lambda: 1)
    entered = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        entered.set()
        await receive()
        await receive()

    async with serving(app) as port:
        _, working = await asyncio.open_connection("127.0.0.1", port)
        working.write(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\n")
        await asyncio.wait_for(entered.wait(), 20)
        said = await exchanged(port)
        working.close()
    assert said.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"retry-after: 1\r\n" in said.lower()
    assert b'"code":"overloaded"' in said


def test_a_taken_port_is_refused() -> None:
    with listen(Address("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=f"127.0.0.1:{port}"):
            listen(Address("127.0.0.1", port))
