"""The newest rows of a log, read once for all who follow it in this process."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from eventlog.events import Recorded
from eventlog.newest import Newest
from eventlog.store import Appended, Command, Head, rows_of

Load = Callable[[int, int, int], Awaitable[list[Recorded]]]


class Tail:
    """Every projection and every reader of the feed asks for the same few rows as soon as they are there: one query for
    each would cost more than appending them did.

    `load` reads from the database; what is older than what is kept is read there.
    """

    def __init__(self, load: Load) -> None:
        self._load = load
        self._newest = Newest()
        self._growing: asyncio.Future[None] | None = None

    async def read(self, after: int, limit: int, max_bytes: int) -> list[Recorded]:
        """See Store.read. A page is empty only where nothing lay behind `after` when it was asked for."""
        if not self._holds(after):
            page = await self._load(after, limit, max_bytes)
            self._begin(after, page)
            return page
        if after == self.last and self._growing is not None:
            await asyncio.shield(self._growing)  # which may be from before this was asked for
        if after == self.last:
            await self._grown(limit, max_bytes)
        if not self._holds(after):  # it was of a log that is no more
            return []
        return self._newest.page(after, limit, max_bytes)

    @property
    def last(self) -> int:
        """The last position that is kept; 0 where there is none."""
        return self._newest.last

    def stored(self, commands: Sequence[tuple[Command, Appended]]) -> None:
        """What this process has just appended need not be read again, where nothing lies between."""
        for command, appended in sorted(commands, key=lambda stored: stored[1].first):
            if self._newest and command.own_id and appended.first == self.last + 1:
                self._newest.add(rows_of(command, appended, self._newest.chain_hash))

    def confirm(self, head: Head, before: int) -> None:
        """Forgets all where the log has become another, as after a restore: no reader is given what is no more.

        `before` is what `last` was when the head had not been read yet.
        """
        if self._newest.of_another(head, before):
            self._newest.begin(0)

    def _holds(self, after: int) -> bool:
        """Whether all that is kept above a position follows it without a gap."""
        return bool(self._newest) and self._newest.holds(after)

    def _begin(self, after: int, page: list[Recorded]) -> None:
        """Who asks for what is newer than all that is kept is followed."""
        if page and after >= self.last:
            self._newest.begin(after, page)

    async def _grown(self, limit: int, max_bytes: int) -> None:
        if self._growing is None:
            self._growing = asyncio.ensure_future(self._grow(limit, max_bytes))
            self._growing.add_done_callback(self._grew)
        await asyncio.shield(self._growing)

    async def _grow(self, limit: int, max_bytes: int) -> None:
        last = self.last
        page = await self._load(last, limit, max_bytes)
        if self.last == last:
            self._newest.add(page)

    def _grew(self, growing: asyncio.Future[None]) -> None:
        self._growing = None
        if not growing.cancelled():
            growing.exception()  # told to those who waited, and there may be nobody left
