"""RULES 4: a watcher is sent a snapshot, then what comes, and a proof of how fresh that is; and never misses one."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chassis.rpc.callers import _ACTING, Acting, Caller
from eventlog.feed import LocalFeed
from eventlog.projection import MemoryProjection
from eventlog.readers import MemoryReaders, Reader
from eventlog.store import Command, Head, MemoryStore, NewEvent, Write
from services.token.commands.revoke import revoke_session
from services.token.projections import TRUST
from services.token.watch import WatchedTrust, Watching
from tests.unit.projection.notes import SlowReaders, Table, until
from tests.unit.token.world import IDENTITY, World
from watchword.chain import link
from watchword.clock import boot_ns
from watchword.revocations import Revocations
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
        self.answers: AsyncGenerator[Answer, None] = owner.watching.serve(self._requests(), None)  # type: ignore[assignment]
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


async def test_a_watcher_is_sent_a_snapshot_and_then_what_comes(owner: Owner) -> None:
    async with owner.running():
        await owner.revoke("ses_1", "ses_2")
        watch = Watch(owner)
        first = await watch.take()
        assert (first.snapshot_begins, first.snapshot_complete) == (True, True)
        assert (watch.known, watch.position) == ({"ses_1", "ses_2"}, owner.memory.applied)
        position = await owner.revoke("ses_3")
        later = await watch.take()
        assert [one.session_id for one in later.revocations] == ["ses_3"]
        assert (later.revocations[0].position, later.position, watch.snapshots) == (position, position, 1)


async def test_an_empty_snapshot_is_a_snapshot(owner: Owner) -> None:
    async with owner.running():
        answer = await Watch(owner).take()
        assert (answer.snapshot_begins, answer.snapshot_complete, len(answer.revocations)) == (True, True, 0)


async def test_nothing_is_said_before_this_process_knows_what_is_revoked(owner: Owner) -> None:
    watch = Watch(owner)
    watch.report()
    early = asyncio.ensure_future(watch.take())
    await asyncio.wait([early], timeout=0.3)
    assert not early.done()
    async with owner.running():
        assert (await early).snapshot_begins


async def test_the_head_is_read_after_the_stamp_and_answered_once_all_below_it_was_sent(owner: Owner) -> None:
    async with owner.running():
        watch = Watch(owner)
        await watch.take()
        await owner.revoke("ses_1")
        stamp = watch.report(watch.position)
        while not (answer := await watch.take()).HasField("freshness"):
            pass
        assert (answer.freshness.stamp, answer.freshness.head) == (stamp, owner.world.head)
        assert answer.freshness.time.ToMicroseconds() == owner.world.clock.now()
        assert watch.known == {"ses_1"}
        assert watch.proven == owner.world.head


async def test_what_a_watcher_reports_is_its_receipt(owner: Owner) -> None:
    async with owner.running():
        watch = Watch(owner)
        await watch.until_proven(owner.world.head)
        watch.report(applied=7)
        await watch.take()
        assert await owner.readers.live(owner.world.clock.now()) == [
            Reader("backend/orders/orders-1", 7, 5_000_000, owner.world.clock.now())
        ]


async def test_a_slow_watcher_gets_a_new_snapshot_instead_of_a_backlog(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.token.watch.BACKLOG", 3)
    async with owner.running():
        watch = Watch(owner)
        await watch.take()
        wanted = [f"ses_{number}" for number in range(10)]
        position = await owner.revoke(*wanted)
        await watch.until_proven(position)
        assert (watch.known, watch.snapshots) == (set(wanted), 2)


async def test_a_watcher_that_falls_behind_during_its_snapshot_gets_another_and_misses_nothing(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.token.watch.BACKLOG", 3)
    monkeypatch.setattr("services.token.watch.PAGE", 2)
    async with owner.running():
        watch = Watch(owner)
        await watch.until_proven(owner.world.head)
        early, late = [f"ses_{number}" for number in range(9)], [f"ses_late_{number}" for number in range(9)]
        await owner.revoke(*early)
        await begin_second_snapshot(watch)
        position = await owner.revoke(*late)
        await watch.until_proven(position)
        assert watch.known == {*early, *late}


async def test_a_projection_that_starts_anew_during_a_snapshot_makes_another(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.token.watch.BACKLOG", 3)
    monkeypatch.setattr("services.token.watch.PAGE", 2)
    async with owner.running():
        watch = Watch(owner)
        await watch.until_proven(owner.world.head)
        await owner.revoke(*(f"ses_{number}" for number in range(9)))
        await begin_second_snapshot(watch)
        owner.trust.revocations = Revocations()
        owner.trust.reset([])
        while watch.snapshots < 3:
            await watch.take()
        assert watch.known == set()


async def begin_second_snapshot(watch: Watch) -> None:
    """Takes the first page of a snapshot after which the owner means to prove how fresh it is."""
    watch.report(watch.position)
    await watch.heard()
    while not (answer := await watch.take()).snapshot_begins:
        pass
    assert not answer.snapshot_complete


class Unlucky(MemoryStore):
    """A log to which, as its head is read, an event is written of a version that this release cannot read."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world

    async def head(self) -> Head:
        newer = NewEvent("watchword.token.session.revoked.v99", b"{}")
        command = Command("newer", "tester", "c", [Write("session/ses_1", 0, [newer])], [])
        await self.world.store.append(command)
        return await self.world.store.head()


async def test_no_head_is_proven_of_which_the_last_event_was_being_parked(owner: Owner) -> None:
    owner.watching = Watching(owner.trust, owner.memory, Unlucky(owner.world), owner.readers, owner.world.clock.now)
    async with owner.running():
        watch = Watch(owner)
        await watch.take()
        watch.report(watch.position)
        proof = asyncio.ensure_future(watch.take())
        await until(lambda: owner.memory.parked == {"session/ses_1"})
        assert owner.memory.applied == owner.world.head
        await asyncio.wait([proof], timeout=0.3)
        assert not proof.done()
        proof.cancel()


async def test_a_watcher_stands_among_the_readers_before_anything_is_proven_to_it(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.token.watch.INTERVAL", 0.01)
    readers = SlowReaders()
    owner.watching = Watching(owner.trust, owner.memory, owner.world.store, readers, owner.world.clock.now)
    async with owner.running():
        watch = Watch(owner)
        await watch.take()
        watch.report(watch.position)
        proof = asyncio.ensure_future(watch.take())
        await readers.asked.wait()
        await asyncio.wait([proof], timeout=0.3)
        assert not proof.done()
        readers.go_on.set()
        assert (await proof).HasField("freshness")
        assert [reader.name for reader in await readers.live(owner.world.clock.now())] == ["backend/orders/orders-1"]


async def test_a_watcher_that_hangs_up_is_forgotten(owner: Owner) -> None:
    async with owner.running():
        watch = Watch(owner)
        await watch.take()
        watch.hang_up()
        async with asyncio.timeout(5):
            assert all([not answer.revocations async for answer in watch.answers])
        assert not owner.trust.watchers


async def test_a_watcher_of_stamps_only_is_sent_a_whole_snapshot_and_then_no_revocations(owner: Owner) -> None:
    async with owner.running():
        await owner.revoke("ses_1")
        watch = Watch(owner, stamps_only=True)
        await watch.until_proven(owner.world.head)
        assert (watch.known, watch.snapshots) == ({"ses_1"}, 1)
        position = await owner.revoke("ses_2")
        await watch.until_proven(position)
        assert (watch.known, watch.snapshots) == ({"ses_1"}, 1)


async def test_a_watcher_of_stamps_only_has_no_backlog(owner: Owner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.token.watch.BACKLOG", 3)
    async with owner.running():
        watch = Watch(owner, stamps_only=True)
        await watch.until_proven(owner.world.head)
        position = await owner.revoke(*(f"ses_{number}" for number in range(10)))
        await watch.until_proven(position)
        assert watch.snapshots == 1


async def test_the_chain_hash_says_what_the_next_record_of_the_topic_continues(owner: Owner) -> None:
    async with owner.running():
        await owner.revoke("ses_1")
        watch = Watch(owner, stamps_only=True)
        snapshot = await watch.take()
        before, last = (await owner.world.store.read(0, 100, 1_000_000))[-2:]
        assert (snapshot.position, snapshot.chain_hash) == (last.position, link(before.chain_hash, last))
        watch.report(snapshot.position)
        while not (answer := await watch.take()).HasField("freshness"):
            pass
        assert (answer.position, answer.chain_hash) == (last.position, last.chain_hash)
