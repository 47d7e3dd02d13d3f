"""A service's pool of connections to its own database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from pydantic import SecretStr

ACQUIRE = 2.0
STATEMENT = 5.0
CLOSE = 2.0


@asynccontextmanager
async def open_pool(
    dsn: SecretStr, name: str, *, max_size: int = 6, statement_timeout: float = STATEMENT
) -> AsyncIterator[asyncpg.Pool]:
    """A pool that connects when it is used, so that a process starts without its database and can say what it lacks.

    `name` is how PostgreSQL shows the connections. Closed within 2 seconds, by force if need be.
    """
    pool = await asyncpg.create_pool(
        dsn.get_secret_value(),
        min_size=0,
        max_size=max_size,
        timeout=ACQUIRE,
        command_timeout=statement_timeout,
        max_inactive_connection_lifetime=60,
        reset=_reset,
        server_settings={
            "application_name": name,
            "default_transaction_isolation": "read committed",
            "statement_timeout": f"{statement_timeout * 1000:.0f}",
            "idle_in_transaction_session_timeout": f"{statement_timeout * 1000:.0f}",
        },
    )
    try:
        yield pool
    finally:
        try:
            await asyncio.wait_for(pool.close(), CLOSE)
        except TimeoutError:
            pool.terminate()


async def _reset(connection: asyncpg.Connection) -> None:
    # What a reset undoes is a query more for each that is asked; nothing here outlives its statement or transaction.
    if connection.is_in_transaction():
        await connection.reset(timeout=ACQUIRE)
