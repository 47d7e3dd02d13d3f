"""Follows token's revocations over gRPC, and proves how old what it knows is (RULES 4)."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import grpc

from watchword.clock import LogClock
from watchword.freshness import LONGEST_STALENESS, Freshness
from watchword.kafka.tail import Tail
from watchword.knowledge import BadStream, Knowledge
from watchword.revocations import Revocations
from watchword.token.v1 import token_pb2
from watchword.token.v1.token_pb2_grpc import TokenServiceStub
from watchword.transport import Transport

FIRST_DELAY_S = 0.05
LAST_DELAY_S = 2.0
JUDGE_EVERY_S = 0.1

_log = logging.getLogger(__name__)
_Call = grpc.aio.StreamStreamCall[token_pb2.WatchRevocationsRequest, token_pb2.WatchRevocationsResponse]


class RevocationWatch:
    """Feeds `revocations`, `freshness` and `clock` from `WatchRevocations` until `run` is cancelled.

    `reader` is the name in receipts, unique among the readers that live at one time. Nothing is known (`freshness` has
    no age) before the first snapshot is complete; a later snapshot takes the place of what was known in one step. A
    stream that breaks, or is silent for twice `max_staleness` (5 s at least), is opened anew with back-off.

    `topic` reads token's topic into the `Knowledge` that it is given, for ever (`watchword.kafka.follow`). While that
    keeps up, revocations come from there, and the stream carries the snapshot, stamps and receipts only; where it does
    not, the stream is opened anew with everything.

    Raises ValueError where `max_staleness` is not above 0 and within 60 s.
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
        topic: Callable[[Knowledge], Awaitable[None]] | None = None,
    ) -> None:
        if not timedelta() < max_staleness <= LONGEST_STALENESS:
            raise ValueError(f"max_staleness is above 0 and within {LONGEST_STALENESS.seconds} s, not {max_staleness}")
        self._stub = TokenServiceStub(channel)
        self._report_every_s = min(1.0, max_staleness.total_seconds() / 3)
        self._silence_s = max(2 * max_staleness.total_seconds(), 5.0)
        self._knowledge = Knowledge(
            revocations,
            freshness,
            clock,
            quiet_ns=int(2e9 * self._report_every_s),
            max_staleness_ns=int(1e9 * max_staleness.total_seconds()),
            tail=Tail() if topic else None,
        )
        self._topic = topic
        self._reader = reader
        self._max_staleness = max_staleness
        self._delay_s = FIRST_DELAY_S

    @property
    def transport(self) -> Transport:
        """Which way revocations come now, and why not from the topic where they should."""
        return self._knowledge.transport

    async def proven(self) -> None:
        """Waits until the first snapshot is complete and its age is known."""
        await self._knowledge.proven.wait()

    async def run(self) -> None:
        """Follows for ever; ends only by being cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow_for_ever())
            if self._topic is not None:
                tasks.create_task(self._judge_for_ever())
                tasks.create_task(_awaited(self._topic(self._knowledge)))

    async def _judge_for_ever(self) -> None:
        while True:
            self._knowledge.judge()
            await asyncio.sleep(JUDGE_EVERY_S)

    async def _follow_for_ever(self) -> None:
        while True:
            try:
                await self._follow()
            except grpc.aio.AioRpcError as error:
                _log.warning("the stream of revocations broke: %s", error.code().name)
            except (BadStream, TimeoutError, ValueError) as error:
                _log.warning("the stream of revocations is given up: %s", type(error).__name__)
            if not self._knowledge.turned.is_set():
                await asyncio.sleep(self._delay_s * secrets.SystemRandom().uniform(0.5, 1))
                self._delay_s = min(self._delay_s * 2, LAST_DELAY_S)

    async def _follow(self) -> None:
        """Reads a stream until it ends, or is to be opened anew."""
        opened = token_pb2.WatchOpen(reader=self._reader, stamps_only=self._knowledge.open())
        opened.max_staleness.FromTimedelta(self._max_staleness)
        async with self._stream(opened) as call:
            reading = asyncio.ensure_future(self._read(call))
            turning = asyncio.ensure_future(self._knowledge.turned.wait())
            try:
                await asyncio.wait({reading, turning}, return_when=asyncio.FIRST_COMPLETED)
                if reading.done():
                    reading.result()
            finally:
                reading.cancel()
                turning.cancel()
                await asyncio.gather(reading, turning, return_exceptions=True)

    async def _read(self, call: _Call) -> None:
        # Nothing is handed from task to task in between: where the loop is busy, each time would be a wait.
        while not self._knowledge.turned.is_set():
            async with asyncio.timeout(self._silence_s):
                message = await call.read()
            if not isinstance(message, token_pb2.WatchRevocationsResponse):
                return
            self._knowledge.message(message)
            if message.snapshot_complete:
                self._delay_s = FIRST_DELAY_S

    @asynccontextmanager
    async def _stream(self, opened: token_pb2.WatchOpen) -> AsyncIterator[_Call]:
        call = self._stub.WatchRevocations()
        reports = asyncio.create_task(self._report(call, opened))
        try:
            yield call
        finally:
            call.cancel()
            reports.cancel()
            await asyncio.gather(reports, return_exceptions=True)

    async def _report(self, call: _Call, opened: token_pb2.WatchOpen) -> None:
        await call.write(token_pb2.WatchRevocationsRequest(open=opened))
        while True:
            await call.write(token_pb2.WatchRevocationsRequest(progress=self._knowledge.report()))
            with suppress(TimeoutError):
                async with asyncio.timeout(self._report_every_s):
                    await self._knowledge.moved.wait()


async def _awaited(following: Awaitable[None]) -> None:
    await following
