"""A log of notes for tests of feeds and projections: a store in memory, served over gRPC, and what its events mean."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import grpc.aio

from eventlog.events import Event, Recorded, Registry, Sealed, encode
from eventlog.feed import Batch, Echo, EventLogFeed, LocalFeed, Progress, Transport
from eventlog.projection import Change, Drop, Projection, Put, foreign
from eventlog.projection.rows import Checkpoint, Loaded, Rows
from eventlog.readers import MemoryReaders, Reader
from eventlog.store import Command, MemoryStore, NewEvent, Store, Write
from watchword.chain import GENESIS
from watchword.clock import boot_ns
from watchword.log.v1 import log_pb2_grpc

notes = Registry("notes")


@notes.event("note.written")
class Written(Event):
    note: str
    text: str
    author: Sealed[str] = None


@notes.event("note.erased")
class Erased(Event):
    note: str


def fold(event: Event, row: Recorded) -> Iterable[Change]:
    """Each note's last text. A text "poison" cannot be folded."""
    match event:
        case Written(note=note, text=text):
            if text == "poison":
                raise ValueError("poison")
            yield Put("note", note, {"text": text, "position": row.position}, belongs=note[0])
        case Erased(note=note):
            yield Drop("note", note)


NOTES = Projection("notes", "notes", foreign(notes), fold)


async def write(store: Store, *events: Written | Erased) -> None:
    """Appends each event to its note's stream, each by a command of its own."""
    for event in events:
        await write_raw(store, event.note, event.type, *encode(event))


async def write_raw(store: Store, note: str, type_: str, body: bytes, sealed: bytes | None = None) -> None:
    stream = f"note/{note}"
    version = len(await store.stream(stream))
    new = NewEvent(type_, body, sealed)
    await store.append(Command(f"{stream}/{version}", "tester", "c", [Write(stream, version, [new])], []))


async def written(*texts: str) -> MemoryStore:
    """A store whose events are `note:text`."""
    store = MemoryStore()
    for one in texts:
        note, _, text = one.partition(":")
        await write(store, Written(note=note, text=text))
    return store


@asynccontextmanager
async def served(feed: log_pb2_grpc.EventLogServiceServicer) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to a server in this process."""
    server, port = await serving(feed)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(0)


async def serving(feed: log_pb2_grpc.EventLogServiceServicer) -> tuple[grpc.aio.Server, int]:
    """A server in this process, and its port."""
    server = grpc.aio.server()
    log_pb2_grpc.add_EventLogServiceServicer_to_server(feed, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, port


def feed_of(store: Store, readers: MemoryReaders | None = None) -> EventLogFeed:
    return EventLogFeed(store, readers or MemoryReaders(), lambda: boot_ns() // 1000, str)


class Table(Rows):
    """What a table holds, in memory: rows, checkpoint and parked streams that a test sets."""

    def __init__(self, rows: Sequence[Put] = (), at: Recorded | None = None, parked: Iterable[str] = ()) -> None:
        self.rows = list(rows)
        self.at = Checkpoint(0, GENESIS) if at is None else Checkpoint(at.position, at.chain_hash)
        self.stuck = frozenset(parked)
        self.loads = 0

    async def load(self, kinds: Sequence[str] | None = None) -> Loaded:
        self.loads += 1
        return Loaded(self.rows, self.at, self.stuck)

    async def checkpoint(self) -> Checkpoint:
        return self.at

    async def parked(self) -> frozenset[str]:
        return self.stuck


class SlowReaders(MemoryReaders):
    """Readers that are written down only once the test lets them be."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()

    async def report(self, reader: Reader) -> None:
        self.asked.set()
        await self.go_on.wait()
        await super().report(reader)


class Script:
    """A source that first says what it is told, and then, when it is followed again, what the owner says."""

    log = "notes"

    def __init__(self, first: Sequence[Batch], owner: Store) -> None:
        self._first: Sequence[Batch] | None = first
        self._store = owner
        self._owner = LocalFeed("notes", owner, MemoryReaders(), lambda: boot_ns() // 1000)

    async def follow(
        self, reader: str, max_staleness: float, progress: Callable[[], Progress], pace: float = 0.0
    ) -> AsyncGenerator[Batch, None]:
        """See eventlog.feed.Source."""
        first, self._first = self._first, None
        if first is None:
            async for batch in self._owner.follow(reader, max_staleness, progress):
                yield batch
            return
        for batch in first:
            yield await self._proven(batch, progress().applied)
        await asyncio.Event().wait()

    def transport(self, reader: str) -> Transport:
        """See eventlog.feed.Source."""
        return Transport("feed")

    async def _proven(self, batch: Batch, reported: int) -> Batch:
        """An echo of what is applied by now, with the chain hash that the owner's log has at that head."""
        if batch.echo is None:
            return batch
        echo = replace(batch.echo, reported=reported)
        if echo.head and not echo.chain_hash:
            echo = replace(echo, chain_hash=(await self._store.read(echo.head - 1, 1))[0].chain_hash)
        return replace(batch, echo=echo)


def echo(head: int, seconds_ago: float = 0.0) -> Batch:
    """Proof that `head` was the head when this process's clock showed so long ago."""
    return Batch([], Echo(head, 1_000_000, boot_ns() - int(seconds_ago * 1e9), b"", 0))


async def until(holds: Callable[[], bool], seconds: float = 10) -> None:
    """Returns once it holds; fails after `seconds`."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(*runs: Callable[[], object]) -> AsyncIterator[None]:
    """Runs them until the end of the block."""
    tasks = [asyncio.ensure_future(run()) for run in runs]  # type: ignore[call-overload]
    try:
        yield
        for task in tasks:
            assert not task.done(), task.exception()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
