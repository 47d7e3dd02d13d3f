"""What the logs of a running suite hold, read as whoever was granted it reads them."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from suite.databases import SERVICES
from tests.harness.running import PATIENCE, GaveUp, Suite
from watchword.log.v1 import log_pb2, log_pb2_grpc


async def read(suite: Suite, name: str, after: int = 0, limit: int | None = None) -> tuple[list[log_pb2.Event], int]:
    """The events after a position up to the head, which is the second half; with `limit` perhaps fewer."""
    opened = log_pb2.ReadOpen(reader=f"test-{secrets.token_hex(4)}", after=after)
    # Forgotten at once: no receipt waits for a test.
    opened.max_staleness.FromMilliseconds(1)
    async with suite.channel(name) as channel:
        call: Any = log_pb2_grpc.EventLogServiceStub(channel).Read(timeout=PATIENCE)
        await call.write(log_pb2.ReadRequest(open=opened))
        await call.write(log_pb2.ReadRequest(progress=log_pb2.Progress(applied=after, stamp=1)))
        events: list[log_pb2.Event] = []
        head: int | None = None
        while head is None or (limit is None and (events[-1].position if events else after) < head):
            response: log_pb2.ReadResponse = await call.read()
            events += response.events
            head = response.freshness.head if response.HasField("freshness") else head
        call.cancel()
    return events, head


async def heads(suite: Suite) -> dict[str, int]:
    """Where the three logs end."""
    found = await asyncio.gather(*(read(suite, name, limit=0) for name in SERVICES))
    return {name: head for name, (_, head) in zip(SERVICES, found, strict=True)}


async def settled(suite: Suite) -> dict[str, int]:
    """Where the logs end, once every reaction to what lies before has been made."""
    deadline = time.monotonic() + PATIENCE
    while True:
        before = await heads(suite)
        applied = await asyncio.gather(*(_lowest(suite, name) for name in SERVICES))
        level = all(position >= before[log] for one in applied for log, position in one.items())
        if level and await heads(suite) == before:
            return before
        if time.monotonic() > deadline:
            raise GaveUp(f"the logs do not settle: {before}, {applied}")


async def _lowest(suite: Suite, name: str) -> dict[str, int]:
    async with suite.channel(name) as channel:
        stub: Any = log_pb2_grpc.ProjectionServiceStub(channel)
        shown = (await stub.ListProjections(log_pb2.ListProjectionsRequest(), timeout=PATIENCE)).projections
    return {log: min(one.applied for one in shown if one.log == log) for log in {one.log for one in shown}}


@asynccontextmanager
async def nothing_written(suite: Suite) -> AsyncIterator[None]:
    """Fails where what is done within has changed one of the three logs."""
    before = await settled(suite)
    yield
    assert await written_since(suite, before) == []


async def written_since(suite: Suite, before: Mapping[str, int]) -> list[log_pb2.Event]:
    """What the three logs hold above these positions, but for what an earlier test may have left: failed logins are
    counted up at the end of their minute.
    """
    after = await settled(suite)
    moved = [name for name in SERVICES if after[name] != before[name]]
    found = [event for name in moved for event in (await read(suite, name, before[name]))[0]]
    return [event for event in found if event.type != "watchword.identity.login.failed.v1"]


async def correlated(suite: Suite, name: str, correlation_id: str, after: int = 0) -> list[log_pb2.Event]:
    """The events of one request."""
    events, _ = await read(suite, name, after)
    return [event for event in events if event.correlation_id == correlation_id]
