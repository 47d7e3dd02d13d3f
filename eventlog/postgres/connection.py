"""What it means that a database does not answer, and how long to be patient with it."""

import asyncio
from typing import Any

import asyncpg

from eventlog.errors import LogUnavailable

CALL = 2.0
PATIENCE = 5.0
PAUSE = 0.1
LIMIT = f"{CALL + 1:.0f}s"

# A restarting server says one of these, a connection that it closed another, and a network that ate the answer a third.
LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidTransactionStateError,
    asyncpg.TransactionRollbackError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)


async def connect(dsn: str, name: str) -> asyncpg.Connection:
    """A connection of one's own. The server, too, gives up what takes longer than the caller waits."""
    settings = {
        "application_name": name,
        "default_transaction_isolation": "read committed",
        "statement_timeout": LIMIT,
        "idle_in_transaction_session_timeout": LIMIT,
    }
    connection = await asyncpg.connect(dsn, timeout=CALL, command_timeout=CALL, server_settings=settings)
    try:
        if connection.get_server_version().major >= 17:  # an older server refuses a setting that it does not know
            await connection.execute(f"SET transaction_timeout = '{LIMIT}'")
    except BaseException:
        connection.terminate()
        raise
    return connection


async def fetch(pool: asyncpg.Pool, sql: str, *arguments: Any) -> list[asyncpg.Record]:
    """Runs one statement that may be run twice, until it answers. Raises LogUnavailable after about 5 seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE
    while True:
        try:
            async with pool.acquire(timeout=CALL) as connection:
                return await connection.fetch(sql, *arguments, timeout=CALL)
        except LOST as error:
            if loop.time() + PAUSE > deadline:
                raise LogUnavailable from error
            await asyncio.sleep(PAUSE)
