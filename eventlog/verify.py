"""Recomputes a log's chain from its first row, and names the first row that does not fit (RULES 1)."""

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

import asyncpg

from eventlog.events import Recorded
from eventlog.postgres.rows import HEAD, head, recorded
from watchword.chain import GENESIS, link

_TIMEOUT = 30.0
# The version before must stand once, earlier in the log.
_PAGE = """
SELECT e.*, e.version = 1 OR 1 = (
    SELECT count(*) FROM eventlog.events before
    WHERE before.stream = e.stream AND before.version = e.version - 1 AND before.position < e.position
) AS follows
FROM (SELECT * FROM eventlog.events WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3) e
ORDER BY e.position
"""


@dataclass(frozen=True, slots=True)
class Checked:
    """Everything up to `position` of `head` rows fits. Whoever kept this hash can tell later whether it still does."""

    position: int
    head: int
    chain_hash: bytes


@dataclass(frozen=True, slots=True)
class Misfit:
    """The first row that does not fit, and why; the rows before it do."""

    position: int
    reason: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it was found, and whether its stream's version before it stands before it."""

    row: Recorded
    follows: bool


async def check(pages: AsyncIterable[Sequence[Row]], head: int) -> AsyncIterator[Checked | Misfit]:
    """Progress after each page up to the row `head`; ends with the first Misfit where there is one.

    The last Checked before a Misfit is the last row that fits.
    """
    position, time, chain_hash = 0, 0, GENESIS
    async for page in pages:
        shown = position
        for found in page:
            reason = _misfit(position, time, chain_hash, found)
            if reason is not None:
                if position > shown:
                    yield Checked(position, head, chain_hash)
                yield Misfit(found.row.position, reason)
                return
            position, time, chain_hash = found.row.position, found.row.time, found.row.chain_hash
        yield Checked(position, head, chain_hash)
    if position < head:
        yield Misfit(position + 1, "the row is missing")


async def verify(dsn: str, page_size: int = 1000) -> AsyncIterator[Checked | Misfit]:
    """Checks the log of a database up to the row that is its last now, a transaction a page.

    Raises OSError, TimeoutError or asyncpg.PostgresError where the database does not answer.
    """
    connection = await asyncpg.connect(dsn, timeout=_TIMEOUT, command_timeout=_TIMEOUT)
    try:
        row = await connection.fetchrow(HEAD)
        assert row is not None
        last = head(row)
        yield Checked(0, last.position, GENESIS)
        async for outcome in check(_pages(connection, last.position, page_size), last.position):
            yield outcome
    finally:
        await connection.close()


async def _pages(connection: asyncpg.Connection, last: int, size: int) -> AsyncIterator[list[Row]]:
    after = 0
    while rows := await connection.fetch(_PAGE, after, last, size):
        yield [Row(recorded(row), row["follows"]) for row in rows]
        after = rows[-1]["position"]


def _misfit(position: int, time: int, chain_hash: bytes, found: Row) -> str | None:
    row = found.row
    if row.position != position + 1:
        return f"it follows position {position}: rows between them are missing"
    if row.time < time:
        return "its time is before that of the row before"
    if row.version < 1 or not found.follows:
        return f"version {row.version - 1} of its stream does not stand once before it"
    if row.sealed_hash != (b"" if row.sealed is None else sha256(row.sealed).digest()):
        return "its sealed part is not the one that was written"
    if row.chain_hash != link(chain_hash, row):
        return "its chain hash does not follow from the row before and its own content"
    return None
