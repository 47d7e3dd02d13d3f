"""A server that is about to go says so, answers everybody who has come, and lets nobody wait at a closed door."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from chassis.addresses import Address
from chassis.http import HttpServer, http_server, listen, turn_away
from chassis.readiness import Readiness
from chassis.web import application

REQUEST = b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n"


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[HttpServer, int, "asyncio.Future[None]"]]:
    listener = listen(Address("127.0.0.1", 0))
    server = http_server(application(title="trial", readiness=Readiness(), origins=frozenset()))
    running = asyncio.ensure_future(server.serve([listener]))
    try:
        yield server, listener.getsockname()[1], running
    finally:
        server.should_exit = True
        await running


async def answer(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(10):
        head = await reader.readuntil(b"\r\n\r\n")
        return head + await reader.readexactly(len(b"alive\n"))


async def test_a_leaving_server_answers_and_closes_each_connection_and_takes_new_ones() -> None:
    async with serving() as (server, port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        assert b"connection: close" not in await answer(reader)
        server.leave()
        writer.write(REQUEST)
        assert b"connection: close" in await answer(reader)
        assert await reader.read() == b""
        writer.close()
        newcomer, other = await asyncio.open_connection("127.0.0.1", port)
        other.write(REQUEST)
        assert b"connection: close" in await answer(newcomer)
        other.close()


async def test_who_has_connected_before_the_end_is_answered() -> None:
    async with serving() as (server, port, running):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        silent, nothing = await asyncio.open_connection("127.0.0.1", port)
        server.should_exit = True
        while not closed(port):
            await asyncio.sleep(0.005)
        writer.write(REQUEST)
        assert b"connection: close" in await answer(reader)
        assert await silent.read() == b""
        await running
        for one in (writer, nothing):
            one.close()


def closed(port: int) -> bool:
    """Whether nobody is let in any more: turned away, or refused."""
    with socket.socket() as late:
        late.settimeout(0.01)
        try:
            late.connect(("127.0.0.1", port))
        except OSError:
            return True
    return False


def test_who_is_turned_away_finds_no_door_and_who_stands_in_it_comes_in() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as early, socket.socket() as late:
        early.connect(listener.getsockname())
        turn_away(listener)
        late.settimeout(0.2)
        with pytest.raises(TimeoutError):
            late.connect(listener.getsockname())
        early.sendall(b"hello")
        met, _ = listener.accept()
        with met:
            assert met.recv(5) == b"hello"
