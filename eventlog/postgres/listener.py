"""Wakes those who wait for the log to grow: NOTIFY, and a look at the head each second where that fails."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager

import asyncpg
import structlog

from eventlog.postgres.connection import CALL, LOST, connect
from eventlog.postgres.rows import HEAD, head
from eventlog.store import Followers

POLL = 1.0

log = structlog.get_logger()


class Listener:
    """Listens on a connection of its own and survives its loss. `observe` is told the log's time at each look."""

    def __init__(self, dsn: str, observe: Callable[[int], None]) -> None:
        self._dsn = dsn
        self._observe = observe
        self._position = 0
        self._grown = asyncio.Event()
        self._followers = Followers()
        self._said = ""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="eventlog listener")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def wait(self, after: int, timeout: float) -> None:
        """See Store.wait."""
        try:
            async with asyncio.timeout(timeout):
                while self._position <= after:
                    await self._grown.wait()
        except TimeoutError:
            return

    def tell(self, grown: Callable[[int], None]) -> AbstractContextManager[None]:
        """See Store.tell."""
        return self._followers.tell(grown)

    def heard(self, position: int) -> None:
        """The log is at least this long."""
        if position > self._position:
            self._position = position
            self._grown.set()
            self._grown = asyncio.Event()
            self._followers.wake(position)

    def confirm(self, position: int, before: int) -> None:
        """The log was so long when the database was asked; `before` is what `position` was when it had not been yet.

        One restored from a backup is shorter than it was, and waiting beyond its end must wait. What was heard of
        meanwhile is newer than the answer.
        """
        if position < before:
            self._position = position
        self.heard(position)

    @property
    def position(self) -> int:
        """How long the log is, as far as this has heard."""
        return self._position

    async def _run(self) -> None:
        while True:
            try:
                await self._follow(await connect(self._dsn, "eventlog listener"))
            except (*LOST, asyncpg.PostgresError) as error:
                self._lost(repr(error))
                await asyncio.sleep(POLL)

    def _lost(self, reason: str) -> None:
        # The same again, each second, is no news.
        if reason != self._said:
            log.warning("listener_lost", reason=reason)
        self._said = reason

    async def _follow(self, connection: asyncpg.Connection) -> None:
        try:
            await connection.add_listener("eventlog", self._notified)
            while True:
                await self._look(connection)
                await asyncio.sleep(POLL)
        finally:
            connection.terminate()

    async def _look(self, connection: asyncpg.Connection) -> None:
        before = self._position
        row = await connection.fetchrow(HEAD, timeout=CALL)
        assert row is not None
        self._said = ""
        now = head(row)
        self.confirm(now.position, before)
        self._observe(now.now)

    def _notified(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        self.heard(int(str(payload)))
