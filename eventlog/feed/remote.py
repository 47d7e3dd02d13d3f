"""The reader's side: another service's log over gRPC."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Any

import grpc

from eventlog.feed.source import PACE, Batch, Echo, Follower, Progress, SourceLost, Transport, next_look, revokes
from eventlog.feed.wire import to_row
from watchword.clock import boot_ns
from watchword.log.v1 import log_pb2, log_pb2_grpc

SILENCE = 5.0


class RemoteFeed:
    """Another service's log, followed over gRPC."""

    def __init__(self, log: str, channel: grpc.aio.Channel) -> None:
        self.log = log
        self._stub = log_pb2_grpc.EventLogServiceStub(channel)

    async def follow(
        self,
        reader: str,
        max_staleness: float,
        progress: Callable[[], Progress],
        pace: float = 0.0,
        hurry: asyncio.Event | None = None,
        patience: float = PACE,
    ) -> AsyncGenerator[Batch, None]:
        """See Source.follow. Reports progress each second, and on `hurry`, or without one when a revocation has been
        applied: every `patience` seconds at most.
        """
        call = self._stub.Read()
        applied = hurry or asyncio.Event()
        report = _Reporter(call, progress, applied, patience)
        reporting = asyncio.ensure_future(report.each_second())
        try:
            await report.open(reader, max_staleness, pace)
            await report.now()
            while True:
                async with asyncio.timeout(SILENCE):
                    response = await call.read()
                if not isinstance(response, log_pb2.ReadResponse):
                    raise SourceLost(f"the feed of {self.log} ended: {await call.details()}")
                yield Batch([to_row(event) for event in response.events], report.echo(response))
                if hurry is None and revokes(event.type for event in response.events):
                    applied.set()
        except (grpc.RpcError, TimeoutError, asyncio.InvalidStateError) as error:
            raise SourceLost(f"the feed of {self.log} was lost: {_reason(error)}") from error
        finally:
            reporting.cancel()
            call.cancel()

    def transport(self, reader: str) -> Transport:
        """See Source.transport."""
        return Transport("feed")


class _Reporter:
    """Sends what the reader has applied; one write at a time, which is all that a gRPC call takes.

    Within a second one report at most waits for its answer. An owner that is slower than its readers report would
    else answer ever older stamps, and what they know would seem to age without an end.
    """

    def __init__(self, call: Any, progress: Callable[[], Progress], hurry: asyncio.Event, patience: float) -> None:
        self._call = call
        self._progress = progress
        self._hurry = hurry
        self._patience = patience
        self._writing = asyncio.Lock()
        self._reported: dict[int, Progress] = {}
        self._last = 0.0
        self._answered = asyncio.Event()

    async def open(self, reader: str, max_staleness: float, pace: float) -> None:
        now = self._progress()
        opened = log_pb2.ReadOpen(reader=reader, after=now.applied, stamps_only=now.stamps_only)
        opened.catching_up = now.catching_up
        opened.max_staleness.FromMicroseconds(int(max_staleness * 1_000_000))
        opened.pace.FromMicroseconds(int(pace * 1_000_000))
        async with asyncio.timeout(SILENCE), self._writing:
            await self._call.write(log_pb2.ReadRequest(open=opened))

    async def now(self) -> None:
        async with asyncio.timeout(SILENCE), self._writing:
            self._last = asyncio.get_running_loop().time()
            now, stamp = self._progress(), boot_ns()
            self._reported[stamp] = now
            self._answered.clear()
            report = log_pb2.Progress(
                applied=now.applied, stamp=stamp, parked_streams=now.parked, stamps_only=now.stamps_only
            )
            report.followers.extend(map(_said, now.followers))
            await self._call.write(log_pb2.ReadRequest(progress=report))

    async def each_second(self) -> None:
        loop = asyncio.get_running_loop()
        with suppress(grpc.RpcError, asyncio.InvalidStateError, TimeoutError):
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(next_look(loop.time())):
                        await self._hurry.wait()
                        await self._answered.wait()
                await asyncio.sleep(self._last + self._patience - loop.time())
                self._hurry.clear()
                await self.now()

    def echo(self, response: log_pb2.ReadResponse) -> Echo | None:
        """The owner's answer to a report. Raises SourceLost for one that was never sent."""
        if not response.HasField("freshness"):
            return None
        fresh = response.freshness
        if fresh.stamp not in self._reported:
            raise SourceLost("a stamp came back that was never sent")
        reported = self._reported[fresh.stamp]
        # Later reports make earlier ones void: the owner answers the newest that it has heard.
        self._reported = {stamp: later for stamp, later in self._reported.items() if stamp > fresh.stamp}
        if not self._reported:
            self._answered.set()
        each = {one.reader: one.applied for one in reported.followers} or None
        return Echo(fresh.head, fresh.time.ToMicroseconds(), fresh.stamp, fresh.chain_hash, reported.applied, each)


def _said(one: Follower) -> log_pb2.Follower:
    said = log_pb2.Follower(reader=one.reader, applied=one.applied, parked_streams=one.parked)
    said.max_staleness.FromMicroseconds(int(one.max_staleness * 1_000_000))
    return said


def _reason(error: Exception) -> str:
    return str(error.code()) if isinstance(error, grpc.aio.AioRpcError) else type(error).__name__
