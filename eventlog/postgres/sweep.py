"""Removing what is over from tables that requests use."""

import asyncpg

from eventlog.postgres.connection import fetch

AT_ONCE = 1000


async def sweep(pool: asyncpg.Pool, table: str, over: str, *arguments: object) -> None:
    """Deletes the rows of which the condition `over` holds, some with each statement, however many there are.

    What another process is deleting, or somebody is changing, is left for the next time. Raises LogUnavailable.
    """
    # Both come from this code alone.
    some = f"SELECT ctid FROM {table} WHERE {over} LIMIT {AT_ONCE} FOR UPDATE SKIP LOCKED"  # noqa: S608
    query = f"DELETE FROM {table} WHERE ctid = ANY (ARRAY({some})) RETURNING 1"  # noqa: S608
    while len(await fetch(pool, query, *arguments)) == AT_ONCE:
        continue
