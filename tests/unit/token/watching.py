"""Token in one process, whose revocations are watched, and one who watches them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chassis.rpc.callers import _ACTING, Acting, Caller
from eventlog.feed import LocalFeed
from eventlog.projection import MemoryProjection
from eventlog.readers import MemoryReaders
from services.token.commands.revoke import revoke_session
from services.token.projections import TRUST
from services.token.watch import WatchedTrust, Watching
from tests.unit.projection.notes import Table
from tests.unit.token.world import IDENTITY, World
from watchword.clock import boot_ns
from watchword.token.v1 import token_pb2

BACKEND = Caller("backend", "orders", "ab" * 32)
Answer = token_pb2.WatchRevocationsResponse


class Owner:
    """Token's side in one process, with its projection of the revocations."""

    def __init__(self, world: World) -> None:
        store, now = world.store, world.clock.now
        self.world = world
        self.readers = MemoryReaders()
        self.trust = WatchedTrust()
        following = LocalFeed("token", store, MemoryReaders(), now)
        self.memory = MemoryProjection(TRUST, Table(), following, self.trust, "token/trust")
        self.watching = Watching(self.trust, self.memory, store, self.readers, now)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.ensure_future(self.memory.run())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def revoke(self, *sessions: str) -> int:
        """Revokes and waits until this process has applied it."""
        position = 0
        for session in sessions:
            position = await revoke_session(self.world.a.token, session, "test", IDENTITY)
        assert await self.memory.wait(position, 5)
        return position


class Watch:
    """A watcher: what it asks, and what it believes, as the SDK does."""

    def __init__(self, owner: Owner, reader: str = "orders-1", *, stamps_only: bool = False) -> None:
        _ACTING.set(Acting(BACKEND, BACKEND.label, administrator=False))
        self._asked: asyncio.Queue[Any] = asyncio.Queue()
        opened = token_pb2.WatchOpen(reader=reader, stamps_only=stamps_only)
        self._asked.put_nowait(token_pb2.WatchRevocationsRequest(open=opened))
        self.answers: AsyncGenerator[Answer, None] = owner.watching.serve(self._requests(), None)
        self.snapshots = 0
        self.position = 0
        self.proven = 0
        self.known: set[str] = set()

    async def _requests(self) -> AsyncIterator[Any]:
        while (asked := await self._asked.get()) is not None:
            yield asked

    def report(self, applied: int = 0) -> int:
        """Sends progress; the stamp that it carries."""
        stamp = boot_ns()
        progress = token_pb2.WatchProgress(applied=applied, stamp=stamp)
        self._asked.put_nowait(token_pb2.WatchRevocationsRequest(progress=progress))
        return stamp

    async def heard(self) -> None:
        """Waits until the owner has heard the last report."""
        async with asyncio.timeout(5):
            while not self._asked.empty():
                await asyncio.sleep(0)
        await asyncio.sleep(0)

    def hang_up(self) -> None:
        self._asked.put_nowait(None)

    async def take(self) -> Answer:
        """The next answer, believed."""
        async with asyncio.timeout(5):
            answer = await anext(self.answers)
        if answer.snapshot_begins:
            self.known = set()
        self.known |= {revocation.session_id for revocation in answer.revocations}
        self.snapshots += answer.snapshot_complete
        self.position = answer.position or self.position
        if answer.HasField("freshness") and self.position >= answer.freshness.head:
            self.proven = answer.freshness.head
        return answer

    async def until_proven(self, position: int) -> None:
        """Reports and reads until it may believe that it knows everything up to `position`."""
        self.report(self.position)
        while self.proven < position:
            await self.take()


@pytest.fixture
async def owner() -> Owner:
    return Owner(await World.made())
