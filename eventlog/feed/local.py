"""One's own log, followed from the database."""

from collections.abc import AsyncGenerator, Callable

from eventlog.errors import LogUnavailable
from eventlog.feed.source import INTERVAL, PAGE_BYTES, PAGE_EVENTS, Batch, Echo, Progress, SourceLost, Transport
from eventlog.readers import Reader, Readers
from eventlog.store import Store
from watchword.clock import boot_ns


class LocalFeed:
    """One's own log, followed from the database."""

    def __init__(self, log: str, store: Store, readers: Readers, now: Callable[[], int]) -> None:
        self.log = log
        self._store = store
        self._readers = readers
        self._now = now

    async def follow(
        self, reader: str, max_staleness: float, progress: Callable[[], Progress]
    ) -> AsyncGenerator[Batch, None]:
        """See Source.follow."""
        after = progress().applied
        try:
            while True:
                # Events first: a revocation among them must not wait for what only proves how fresh they are.
                if page := await self._store.read(after, PAGE_EVENTS, PAGE_BYTES):
                    yield Batch(page, None)
                    after = page[-1].position
                stamp, reported = boot_ns(), progress().applied
                head = await self._store.head()
                yield Batch([], Echo(head.position, head.now, stamp, head.chain_hash, reported))
                said = progress()
                await self._readers.report(
                    Reader(reader, said.applied, int(max_staleness * 1_000_000), self._now(), said.parked)
                )
                await self._store.wait(after, INTERVAL)
        except LogUnavailable as error:
            raise SourceLost(f"the log of {self.log} cannot be read: {error.detail}") from error

    def transport(self, reader: str) -> Transport:
        """See Source.transport."""
        return Transport("local")
