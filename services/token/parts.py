"""Who has part in what, as the table `parts` knows it: clients in sessions, and families in grants."""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from eventlog.errors import unavailable
from eventlog.projection.change import Value
from eventlog.projection.rows import Checkpoint
from services.token.domain.grant import grant_key
from services.token.domain.revocation import Before

PATIENCE = 2.0
PAGE = 256


class Table(Protocol):
    """The rows of a projection; `eventlog.projection.Rows` is one."""

    async def get(self, kind: str, key: str) -> Value | None: ...

    async def group(self, kind: str, belongs: str) -> dict[str, Value]: ...

    async def keys(self, kind: str, belongs: str, after: str, limit: int) -> list[str]: ...

    async def checkpoint(self) -> Checkpoint: ...


class Involvement:
    """Asked once the table has applied a position: what stood in the log when it was asked shows in the answer."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def level(self, position: int) -> None:
        """Returns once the table has applied `position`. Raises Refusal `not_yet_applied`."""
        try:
            async with asyncio.timeout(PATIENCE):
                while (await self._table.checkpoint()).position < position:
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise unavailable("not_yet_applied", "the table of sessions and grants lags behind: ask again") from None

    async def clients_of(self, session_id: str) -> list[str]:
        """The clients that took part in a session."""
        return [row["client_id"] for row in (await self._table.group("participant", session_id)).values()]

    async def subject_of(self, session_id: str) -> str | None:
        """Whose a session was; None where no client took part in it."""
        row = await self._table.get("session", session_id)
        return None if row is None else str(row["subject"])

    async def sessions_before(self, subject: str, before: Before) -> list[str]:
        """The sessions of an account that identity has ended by a position of its log."""
        rows = await self._table.group("session", subject)
        return [key for key, row in rows.items() if before.ends(key, row["position"])]

    async def sessions_not_seen(self, subject: str, position: int) -> list[str]:
        """The sessions of an account that had not seen a position of token's log when they started."""
        rows = await self._table.group("session", subject)
        return [key for key, row in rows.items() if row["seen"] < position]

    async def families_of(self, subject: str, client_id: str) -> AsyncIterator[list[str]]:
        """The families that hang from a grant, a page at a time."""
        after, key = "", grant_key(subject, client_id)
        while page := await self._table.keys("granted", key, after, PAGE):
            yield page
            after = page[-1]
