"""Reads a service's log over gRPC as the operator, and checks its chain on the way (RULES 1)."""

import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

from eventlog.events import Recorded
from eventlog.feed import Progress, RemoteFeed, SourceLost
from suite.errors import Halt
from suite.operator import Operator
from watchword.chain import GENESIS, link
from watchword.kafka import Record

MAX_STALENESS = 0.001
"""Seconds. An operator who reads decides nothing by it, so no revocation waits for one (RULES 7)."""


Row = Recorded | Record
"""An event as the feed or a topic gives it."""


@dataclass(slots=True)
class Chain:
    """Accepts the rows of a log, each of which must continue the one before it.

    Where reading does not begin with the first row, the hash of the first one that is seen is taken as given.
    """

    log: str
    position: int = 0
    chain_hash: bytes | None = field(default=None, repr=False)

    def accept(self, row: Row) -> None:
        """Raises Halt, which names the row that does not fit."""
        if self.position == 0 and row.position == 1:
            self.chain_hash = GENESIS
        elif self.chain_hash is None:
            self.position, self.chain_hash = row.position, row.chain_hash
            return
        if row.position != self.position + 1:
            raise self._broken(row, f"it follows {self.position}: what lies between is missing")
        if row.chain_hash != link(self.chain_hash or GENESIS, row):
            raise self._broken(row, "its hash does not follow from the row before and its own content")
        self.position, self.chain_hash = row.position, row.chain_hash

    def _broken(self, row: Row, reason: str) -> Halt:
        return Halt(
            f"position {row.position} of {self.log}'s log does not fit: {reason}\n"
            f"`watchword events verify {self.log}` looks at the database itself."
        )


async def head(peers: Operator, log: str) -> int:
    """The position of a log's last event now. Raises Halt where the service does not answer."""
    async with aclosing(_follow(peers, log, lambda: Progress(0))) as batches:
        async for _, seen in batches:
            if seen is not None:
                return seen
    raise AssertionError("a feed ends only by an error")


async def tail(peers: Operator, log: str, first: int | None, lines: int, follow: bool) -> AsyncIterator[Recorded]:
    """Events from position `first`, or the last `lines` ones; else as `read`."""
    begin = first or max(await head(peers, log) - lines + 1, 1)
    async for row in read(peers, log, begin, follow=follow):
        yield row


async def read(peers: Operator, log: str, first: int, *, follow: bool = False) -> AsyncIterator[Recorded]:
    """Events from position `first`, in order, each of which continues the chain; up to what is the last one now, or for
    ever.

    Raises Halt for a row that does not fit, and where the service does not answer.
    """
    chain = Chain(log)
    begin = max(first - 2, 0)  # the row before the first one wanted proves it
    last: int | None = None
    async with aclosing(_follow(peers, log, lambda: Progress(max(chain.position, begin)))) as batches:
        async for rows, seen in batches:
            last = seen if last is None else last
            for row in rows:
                chain.accept(row)
                if row.position >= first and (follow or last is None or row.position <= last):
                    yield row
            if not follow and last is not None and max(chain.position, begin) >= last:
                return


async def _follow(
    peers: Operator, log: str, progress: Callable[[], Progress]
) -> AsyncGenerator[tuple[list[Recorded], int | None], None]:
    """Batches, each with the head where it was read."""
    feed = RemoteFeed(log, peers.channels[log])
    reader = f"reading-{secrets.token_hex(4)}"
    try:
        async with aclosing(feed.follow(reader, MAX_STALENESS, progress)) as batches:
            async for batch in batches:
                yield batch.rows, None if batch.echo is None else batch.echo.head
    except SourceLost as lost:
        raise Halt(f"{lost}: `watchword status` says who answers") from None
