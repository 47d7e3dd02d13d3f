"""The reader's side: another service's log over gRPC."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from typing import Any

import grpc

from eventlog.feed.source import INTERVAL, Batch, Echo, Progress, SourceLost
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
