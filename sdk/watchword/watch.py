"""Follows token's revocations over gRPC, and proves how old what it knows is (RULES 4)."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import grpc

from watchword.clock import LogClock, boot_ns
from watchword.errors import WatchwordError
from watchword.freshness import Freshness
from watchword.revocations import Revocations
from watchword.token.v1 import token_pb2
from watchword.token.v1.token_pb2_grpc import TokenServiceStub
from watchword.wire import from_message, from_timestamp

FIRST_DELAY_S = 0.05
LAST_DELAY_S = 2.0

_log = logging.getLogger(__name__)
_Call = grpc.aio.StreamStreamCall[token_pb2.WatchRevocationsRequest, token_pb2.WatchRevocationsResponse]


class BadStream(WatchwordError):
    """The owner sent what the protocol does not allow, or what this version cannot apply."""


class RevocationWatch:
    """Feeds `revocations`, `freshness` and `clock` from `WatchRevocations` until `run` is cancelled.

    `reader` is the name in receipts, unique among the readers that live at one time. Nothing is known (`freshness` has
    no age) before the first snapshot is complete; a later snapshot takes the place of what was known in one step. A
    stream that breaks, or is silent for twice `max_staleness` (5 s at least), is opened anew with back-off.
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        *,
        reader: str,
        revocations: Revocations,
        freshness: Freshness,
        clock: LogClock,
        max_staleness: timedelta = timedelta(seconds=5),
    ) -> None:
        self._stub = TokenServiceStub(channel)
        self._revocations = revocations
        self._freshness = freshness
        self._clock = clock
        self._open = token_pb2.WatchOpen(reader=reader)
        self._open.max_staleness.FromTimedelta(max_staleness)
        self._report_every_s = min(1.0, max_staleness.total_seconds() / 3)
        self._silence_s = max(2 * max_staleness.total_seconds(), 5.0)
        self._moved = asyncio.Event()
        self._proven = asyncio.Event()
        self._delay_s = FIRST_DELAY_S
        self._staged: Revocations | None = None
        self._whole = False
        self._position = 0
        self._sent_ns = 0

    async def proven(self) -> None:
        """Waits until the first snapshot is complete and its age is known."""
        await self._proven.wait()

    async def run(self) -> None:
        """Follows for ever; ends only by being cancelled."""
        while True:
            try:
                await self._follow()
            except grpc.aio.AioRpcError as error:
                _log.warning("the stream of revocations broke: %s", error.code().name)
            except (BadStream, TimeoutError, ValueError) as error:
                _log.warning("the stream of revocations is given up: %s", type(error).__name__)
            await asyncio.sleep(self._delay_s * secrets.SystemRandom().uniform(0.5, 1))
            self._delay_s = min(self._delay_s * 2, LAST_DELAY_S)

    async def _follow(self) -> None:
        self._staged, self._whole, self._position = None, False, 0
        async with self._stream() as call:
            while True:
                async with asyncio.timeout(self._silence_s):
                    message = await call.read()
                if not isinstance(message, token_pb2.WatchRevocationsResponse):
                    return
                self._take(message)

    @asynccontextmanager
    async def _stream(self) -> AsyncIterator[_Call]:
        call = self._stub.WatchRevocations()
        reports = asyncio.create_task(self._report(call))
        try:
            yield call
        finally:
            call.cancel()
            reports.cancel()
            await asyncio.gather(reports, return_exceptions=True)

    async def _report(self, call: _Call) -> None:
        await call.write(token_pb2.WatchRevocationsRequest(open=self._open))
        while True:
            self._moved.clear()
            self._sent_ns = boot_ns()
            progress = token_pb2.WatchProgress(applied=self._freshness.position or 0, stamp=self._sent_ns)
            await call.write(token_pb2.WatchRevocationsRequest(progress=progress))
            with suppress(TimeoutError):
                async with asyncio.timeout(self._report_every_s):
                    await self._moved.wait()

    def _take(self, message: token_pb2.WatchRevocationsResponse) -> None:
        if message.snapshot_begins:
            self._staged = Revocations()
        elif message.revocations and self._staged is None and not self._whole:
            raise BadStream("revocations came before a snapshot")
        into = self._revocations if self._staged is None else self._staged
        for revocation in message.revocations:
            into.apply(from_message(revocation))
        self._position = message.position or self._position
        if message.snapshot_complete and self._staged is not None:
            self._revocations.replace(self._staged)
            self._staged, self._whole, self._delay_s = None, True, FIRST_DELAY_S
        if self._whole and self._staged is None:
            self._settle(message)
        if message.HasField("freshness"):
            self._take_freshness(message.freshness)

    def _settle(self, message: token_pb2.WatchRevocationsResponse) -> None:
        self._freshness.applied(self._position)
        if message.revocations or message.snapshot_complete:
            self._moved.set()

    def _take_freshness(self, echo: token_pb2.WatchFreshness) -> None:
        if echo.stamp > self._sent_ns:
            raise BadStream("a stamp came back that was never sent")
        time_us = from_timestamp(echo.time)
        self._clock.observe(time_us)
        self._freshness.echoed(echo.head, echo.stamp, time_us)
        self._revocations.forget(self._clock.now())
        if self._freshness.age_ns(boot_ns()) is not None:
            self._proven.set()
