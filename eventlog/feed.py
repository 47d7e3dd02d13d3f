"""A log's feed over gRPC: the owner's side, the reader's side, and the same feed of one's own log (RULES 4)."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any, Protocol

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from eventlog.errors import LogUnavailable
from eventlog.events import Recorded
from eventlog.readers import Reader, Readers, bounded
from eventlog.store import Store
from watchword.clock import boot_ns
from watchword.log.v1 import log_pb2, log_pb2_grpc

PAGE_EVENTS = 500
PAGE_BYTES = 256 * 1024
INTERVAL = 1.0
SILENCE = 5.0
FIRST_PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class Echo:
    """The owner read `head` after the reader's clock had shown `stamp` (ns); `time` in µs since 1970 by the log's
    clock.
    """

    head: int
    time: int
    stamp: int
    chain_hash: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """What comes next: events in order, or proof of freshness, or both."""

    rows: list[Recorded]
    echo: Echo | None


@dataclass(frozen=True, slots=True)
class Progress:
    """What a reader has applied, and the streams that it could not go on with."""

    applied: int
    parked: tuple[str, ...] = ()


class SourceLost(Exception):
    """The feed ended or fell silent: follow again from where you are."""


class Source(Protocol):
    """Where a log is followed from."""

    @property
    def log(self) -> str: ...

    def follow(
        self, reader: str, max_staleness: float, progress: Callable[[], Progress]
    ) -> AsyncGenerator[Batch, None]:
        """Batches after what `progress` says is applied, for ever. `max_staleness` in seconds. Raises SourceLost."""
        ...


def to_row(event: log_pb2.Event) -> Recorded:
    return Recorded(
        position=event.position,
        stream=event.stream,
        version=event.stream_version,
        type=event.type,
        time=event.time.ToMicroseconds(),
        command_id=event.command_id,
        actor=event.actor,
        correlation_id=event.correlation_id,
        body=event.body,
        sealed_hash=event.sealed_hash,
        chain_hash=event.chain_hash,
    )


def to_event(row: Recorded) -> log_pb2.Event:
    """What leaves the service: all that the chain is made of, never the sealed part."""
    return log_pb2.Event(
        position=row.position,
        stream=row.stream,
        stream_version=row.version,
        type=row.type,
        time=timestamp(row.time),
        command_id=row.command_id,
        actor=row.actor,
        correlation_id=row.correlation_id,
        body=row.body,
        sealed_hash=row.sealed_hash,
        chain_hash=row.chain_hash,
    )


def timestamp(micros: int) -> Timestamp:
    return Timestamp(seconds=micros // 1_000_000, nanos=micros % 1_000_000 * 1000)


class EventLogFeed(log_pb2_grpc.EventLogServiceServicer):
    """The owner's side. A slow reader costs one page of memory: nothing is read before the last page was taken.

    `named` puts before a reader's name whose certificate it reads with, so that nobody reports for another.
    """

    def __init__(self, store: Store, readers: Readers, now: Callable[[], int], named: Callable[[str], str]) -> None:
        self._store = store
        self._readers = readers
        self._now = now
        self._named = named
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Ends every stream, so that the process can go."""
        self._stopping.set()

    async def Read(self, request_iterator: Any, context: Any) -> AsyncIterator[log_pb2.ReadResponse]:
        """EventLogService.Read."""
        opened = await _opened(request_iterator)
        if not opened.reader:
            await context.abort(
                grpc.StatusCode.INVALID_ARGUMENT, "the first message must be `open`, with the reader's name"
            )
        feed = _Reading(self._store, self._readers, self._now, self._named(opened.reader), opened)
        listening = asyncio.ensure_future(feed.listen(request_iterator))
        try:
            while not self._stopping.is_set() and not listening.done():
                response = await feed.next(self._stopping)
                if response is not None:
                    yield response
        except LogUnavailable:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the log cannot be read now")
        finally:
            listening.cancel()


async def _opened(requests: AsyncIterator[log_pb2.ReadRequest]) -> log_pb2.ReadOpen:
    async for request in requests:
        return request.open
    return log_pb2.ReadOpen()


class _Reading:
    """One reader's stream, as the owner sees it."""

    def __init__(
        self, store: Store, readers: Readers, now: Callable[[], int], name: str, opened: log_pb2.ReadOpen
    ) -> None:
        self._store = store
        self._readers = readers
        self._now = now
        self._name = name
        self._max_staleness = bounded(opened.max_staleness.ToMicroseconds())
        self._after = opened.after
        self._reported: log_pb2.Progress | None = None
        self._wake = asyncio.Event()

    async def listen(self, requests: AsyncIterator[log_pb2.ReadRequest]) -> None:
        async for request in requests:
            self._reported = request.progress
            self._wake.set()
            await self._readers.report(
                Reader(
                    self._name,
                    request.progress.applied,
                    self._max_staleness,
                    self._now(),
                    tuple(request.progress.parked_streams),
                )
            )
        self._wake.set()

    async def next(self, stopping: asyncio.Event) -> log_pb2.ReadResponse | None:
        freshness = await self._freshness()
        page = await self._store.read(self._after, PAGE_EVENTS, PAGE_BYTES)
        if page:
            self._after = page[-1].position
        if page or freshness:
            return log_pb2.ReadResponse(events=map(to_event, page), freshness=freshness)
        await first_of(self._store.wait(self._after, INTERVAL), self._wake.wait(), stopping.wait())
        return None

    async def _freshness(self) -> log_pb2.Freshness | None:
        reported, self._reported = self._reported, None
        self._wake.clear()
        if reported is None:
            return None
        head = await self._store.head()
        return log_pb2.Freshness(
            head=head.position, time=timestamp(head.now), stamp=reported.stamp, chain_hash=head.chain_hash
        )


async def first_of(*waits: Any) -> None:
    """Returns when one of them is done; the others are cancelled. Raises what the done one raised."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()


class RemoteFeed:
    """Another service's log, followed over gRPC."""

    def __init__(self, log: str, channel: grpc.aio.Channel) -> None:
        self.log = log
        self._stub = log_pb2_grpc.EventLogServiceStub(channel)

    async def follow(
        self, reader: str, max_staleness: float, progress: Callable[[], Progress]
    ) -> AsyncGenerator[Batch, None]:
        """See Source.follow. Reports progress each second and as soon as a batch has been applied."""
        call = self._stub.Read()
        report = _Reporter(call, progress)
        reporting = asyncio.ensure_future(report.each_second())
        try:
            opened = log_pb2.ReadOpen(reader=reader, after=progress().applied)
            opened.max_staleness.FromMicroseconds(int(max_staleness * 1_000_000))
            await report.open(opened)
            await report.now()
            while True:
                async with asyncio.timeout(SILENCE):
                    response = await call.read()
                if not isinstance(response, log_pb2.ReadResponse):
                    raise SourceLost(f"the feed of {self.log} ended: {await call.details()}")
                yield Batch([to_row(event) for event in response.events], _echo(response))
                if response.events:
                    await report.now()
        except (grpc.RpcError, TimeoutError, asyncio.InvalidStateError) as error:
            raise SourceLost(f"the feed of {self.log} was lost: {_reason(error)}") from error
        finally:
            reporting.cancel()
            call.cancel()


class _Reporter:
    """Sends what the reader has applied; one write at a time, which is all that a gRPC call takes."""

    def __init__(self, call: Any, progress: Callable[[], Progress]) -> None:
        self._call = call
        self._progress = progress
        self._writing = asyncio.Lock()

    async def open(self, opened: log_pb2.ReadOpen) -> None:
        async with asyncio.timeout(SILENCE), self._writing:
            await self._call.write(log_pb2.ReadRequest(open=opened))

    async def now(self) -> None:
        async with asyncio.timeout(SILENCE), self._writing:
            now = self._progress()
            report = log_pb2.Progress(applied=now.applied, stamp=boot_ns(), parked_streams=now.parked)
            await self._call.write(log_pb2.ReadRequest(progress=report))

    async def each_second(self) -> None:
        with suppress(grpc.RpcError, asyncio.InvalidStateError, TimeoutError):
            while True:
                await asyncio.sleep(INTERVAL)
                await self.now()


def _echo(response: log_pb2.ReadResponse) -> Echo | None:
    if not response.HasField("freshness"):
        return None
    fresh = response.freshness
    return Echo(fresh.head, fresh.time.ToMicroseconds(), fresh.stamp, fresh.chain_hash)


def _reason(error: Exception) -> str:
    return str(error.code()) if isinstance(error, grpc.aio.AioRpcError) else type(error).__name__


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
                stamp = boot_ns()
                head = await self._store.head()
                while after < head.position:
                    page = await self._store.read(after, PAGE_EVENTS, PAGE_BYTES)
                    yield Batch(page, None)
                    after = page[-1].position
                yield Batch([], Echo(head.position, head.now, stamp, head.chain_hash))
                said = progress()
                await self._readers.report(
                    Reader(reader, said.applied, int(max_staleness * 1_000_000), self._now(), said.parked)
                )
                await self._store.wait(after, INTERVAL)
        except LogUnavailable as error:
            raise SourceLost(f"the log of {self.log} cannot be read: {error.detail}") from error


async def follow_for_ever(
    source: Source,
    reader: str,
    max_staleness: float,
    progress: Callable[[], Progress],
    lost: Callable[[SourceLost], None],
) -> AsyncGenerator[Batch, None]:
    """Follows, and follows again with back-off (0.05 to 1 s) when the source is lost, which `lost` is told once."""
    pause = FIRST_PAUSE
    while True:
        try:
            async with aclosing(source.follow(reader, max_staleness, progress)) as batches:
                async for batch in batches:
                    yield batch
                    pause = FIRST_PAUSE
        except SourceLost as error:
            if pause == FIRST_PAUSE:
                lost(error)
        await asyncio.sleep(pause)
        pause = min(1.0, pause * 2)
