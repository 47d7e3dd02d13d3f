"""RULES 4: a watcher is sent a proof of how fresh that is which it knows, and what it reports is its receipt."""

import asyncio

import pytest

from eventlog.readers import Reader
from eventlog.store import Command, Head, MemoryStore, NewEvent, Write
from services.token.watch import Watching
from tests.unit.projection.notes import SlowReaders, until
from tests.unit.token.watching import Owner, Watch, owner
from tests.unit.token.world import World
from watchword.chain import link

__all__ = ["owner"]


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
