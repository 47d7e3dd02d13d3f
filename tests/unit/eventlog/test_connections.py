"""What a connection to the log's database asks of the server, and what is said of one that does not answer."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from structlog.testing import capture_logs

from eventlog.migrate import OLDEST, refuse_old
from eventlog.postgres.connection import connect
from eventlog.postgres.listener import Listener

OF_EVERY_VERSION = {
    "application_name",
    "client_encoding",
    "database",
    "default_transaction_isolation",
    "idle_in_transaction_session_timeout",
    "statement_timeout",
    "user",
}


class Server:
    """Reads what each client asks for at its start, and closes the connection."""

    def __init__(self) -> None:
        self.asked: list[set[str]] = []
        self.dsn = ""

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (length,) = struct.unpack("!I", await reader.readexactly(4))
        words = (await reader.readexactly(length - 4))[4:].split(b"\0")
        self.asked.append({word.decode() for word in words[::2] if word})
        writer.close()


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.start_server(server.meet, "127.0.0.1", 0)
    server.dsn = f"postgresql://nobody@127.0.0.1:{listening.sockets[0].getsockname()[1]}/x?sslmode=disable"
    async with listening:
        yield server


async def test_a_connection_starts_with_nothing_that_an_older_server_refuses() -> None:
    async with serving() as server:
        with pytest.raises((asyncpg.PostgresError, OSError)):
            await connect(server.dsn, "test")
    (asked,) = server.asked
    assert asked <= OF_EVERY_VERSION


async def test_why_nothing_is_heard_of_the_log_is_said_once() -> None:
    async with serving() as server:
        listener = Listener(server.dsn, lambda _: None)
        with capture_logs() as lines:
            listener.start()
            async with asyncio.timeout(20):
                while len(server.asked) < 3:
                    await asyncio.sleep(0.01)
            await listener.close()
    assert [line["event"] for line in lines] == ["listener_lost"]


def test_a_server_that_is_too_old_is_named_with_what_is_needed() -> None:
    refuse_old(OLDEST)
    with pytest.raises(asyncpg.FeatureNotSupportedError, match=f"PostgreSQL {OLDEST - 1}, and {OLDEST} or newer"):
        refuse_old(OLDEST - 1)
