"""All who follow a log in one process share a stream of it: each gets everything once, and none waits for another."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from eventlog.errors import Refusal
from eventlog.events import Recorded
from eventlog.feed import Batch, Echo, Progress, RemoteFeed, SharedFeed, SourceLost, Transport
from eventlog.feed.owner import EventLogFeed
from eventlog.newest import KEPT_ROWS
from eventlog.readers import MemoryReaders
from eventlog.store import MemoryStore
from tests.unit.projection.notes import Written, feed_of, served, until, write, write_raw, written
from watchword.clock import boot_ns
from watchword.log.v1 import log_pb2, log_pb2_grpc

REVOKED = "watchword.notes.note.revoked.v1"


class Counting(log_pb2_grpc.EventLogServiceServicer):
    """An owner that knows who has opened a stream, and how many are open; its log can be changed for another."""

    def __init__(self, store: MemoryStore) -> None:
        self.readers = MemoryReaders()
        self.store = store
        self.opened: list[str] = []
        self.open = 0
        self.feed: EventLogFeed = feed_of(store, self.readers)

    async def Read(self, request_iterator: Any, context: Any) -> AsyncIterator[log_pb2.ReadResponse]:
        async def requests() -> AsyncIterator[log_pb2.ReadRequest]:
            async for request in request_iterator:
                if request.HasField("open"):
                    self.opened.append(request.open.reader)
                yield request

        self.open += 1
        try:
            async with aclosing(self.feed.Read(requests(), context)) as answers:
                async for answer in answers:
                    yield answer
        finally:
            self.open -= 1


@dataclass
class Follower:
    """Takes what comes, once it may go on, as long as it is followed."""

    name: str
    after: int = 0
    pace: float = 0.0
    catching_up: bool = False
    rows: list[Recorded] = field(default_factory=list)
    echoes: list[Echo] = field(default_factory=list)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    lost: SourceLost | None = None

    def __post_init__(self) -> None:
        self.go_on.set()

    @property
    def applied(self) -> int:
        return self.rows[-1].position if self.rows else self.after

    def progress(self) -> Progress:
        return Progress(self.applied, catching_up=self.catching_up)

    async def run(self, source: SharedFeed) -> None:
        try:
            async with aclosing(source.follow(self.name, 5.0, self.progress, self.pace)) as batches:
                async for batch in batches:
                    await self._take(batch)
        except SourceLost as error:
            self.lost = error

    async def _take(self, batch: Batch) -> None:
        await self.go_on.wait()
        self.rows += [row for row in batch.rows if row.position > self.applied]
        if batch.echo is not None:
            self.echoes.append(batch.echo)

    def whole(self, store: MemoryStore) -> bool:
        return self.rows == store.rows[self.after :]


@asynccontextmanager
async def followed(owner: Counting, *followers: Follower) -> AsyncIterator[SharedFeed]:
    async with served(owner) as channel:
        source = SharedFeed(RemoteFeed("notes", channel), "all")
        async with following(source, *followers):
            yield source
        await until(lambda: owner.open == 0)


@asynccontextmanager
async def following(source: SharedFeed, *followers: Follower) -> AsyncIterator[None]:
    running = [asyncio.ensure_future(one.run(source)) for one in followers]
    try:
        yield
    finally:
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)


class Given:
    """A source that gives these batches, and counts them."""

    log = "notes"

    def __init__(self, *batches: Batch) -> None:
        self.batches = batches
        self.given = 0

    async def follow(self, *_: Any, **__: Any) -> AsyncGenerator[Batch, None]:
        for batch in self.batches:
            self.given += 1
            yield batch
        await asyncio.Event().wait()

    def transport(self, reader: str) -> Transport:
        return Transport("feed")


async def test_many_followers_cost_the_owner_one_stream() -> None:
    owner = Counting(await written("a:1", "b:1"))
    followers = [Follower("a"), Follower("b"), Follower("c", pace=0.01)]
    async with followed(owner, *followers):
        await until(lambda: all(one.applied == 2 for one in followers))
        await write(owner.store, Written(note="c", text="1"))
        await until(lambda: all(one.whole(owner.store) for one in followers))
        assert (owner.opened, owner.open) == (["all"], 1)


async def test_each_of_them_is_a_reader_with_what_it_has_applied_itself() -> None:
    owner = Counting(await written("a:1"))
    quick, slow = Follower("quick"), Follower("slow")
    async with followed(owner, quick, slow):
        await until(lambda: bool(quick.rows and slow.rows))
        slow.go_on.clear()
        await write_raw(owner.store, "b", REVOKED, b"{}")
        await write_raw(owner.store, "c", REVOKED, b"{}")
        await until(lambda: quick.applied == 3)
        heard: dict[str, int] = {}
        async with asyncio.timeout(10):
            while heard.get("quick") != 3:
                heard = {one.name: one.applied for one in await owner.readers.live(boot_ns() // 1000)}
                await asyncio.sleep(0.005)
        assert heard == {"quick": 3, "slow": 1}


async def test_the_owner_hears_of_a_revocation_once_it_was_applied() -> None:
    owner = Counting(await written("a:1"))
    follower = Follower("a")
    async with followed(owner, follower):
        await until(lambda: bool(follower.echoes))
        follower.go_on.clear()
        await write_raw(owner.store, "b", REVOKED, b"{}")
        count = len(follower.echoes)
        follower.go_on.set()
        await until(lambda: len(follower.echoes) > count and follower.echoes[-1].reported == 2)


async def test_a_follower_that_stands_still_holds_up_no_other() -> None:
    owner = Counting(await written("a:1"))
    quick, stuck = Follower("quick"), Follower("stuck")
    async with followed(owner, quick, stuck):
        await until(lambda: bool(quick.rows and stuck.rows))
        stuck.go_on.clear()
        for number in range(2 * KEPT_ROWS + 500):
            await write(owner.store, Written(note=str(number), text="1"))
        await until(lambda: quick.whole(owner.store), 30)
        stuck.go_on.set()
        await until(lambda: stuck.whole(owner.store), 30)
        await write(owner.store, Written(note="late", text="1"))
        await until(lambda: quick.whole(owner.store) and stuck.whole(owner.store))
    assert owner.opened == ["all", "stuck"]


async def test_no_more_is_read_than_somebody_takes() -> None:
    rows = (await written(*(f"{number}:text" for number in range(50)))).rows
    given, follower = Given(*(Batch([row], None) for row in rows)), Follower("a")
    follower.go_on.clear()
    async with following(SharedFeed(given, "all"), follower):
        for _ in range(200):
            await asyncio.sleep(0)
        assert given.given < 5
        follower.go_on.set()
        await until(lambda: follower.rows == rows)


async def test_a_gap_is_given_to_nobody() -> None:
    rows = (await written("a:1", "b:1", "c:1")).rows
    follower = Follower("a")
    async with following(SharedFeed(Given(Batch(rows[:1], None), Batch(rows[2:], None)), "all"), follower):
        await until(lambda: follower.lost is not None)
    assert follower.rows == rows[:1]


async def test_who_comes_later_is_proven_level_without_waiting_for_the_next_report(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("eventlog.feed.remote.next_look", lambda now: now + 3600)
    owner = Counting(await written("a:1"))
    first, late = Follower("a"), Follower("late", after=1)
    async with followed(owner, first) as source:
        await until(lambda: bool(first.echoes))
        async with following(source, late):
            await until(lambda: bool(late.echoes))


async def test_who_is_behind_catches_up_alone_and_then_shares() -> None:
    owner = Counting(await written(*(f"{number}:text" for number in range(20))))
    level, behind, ahead = Follower("level", after=15), Follower("behind", after=3), Follower("ahead", after=20)
    async with followed(owner, level, behind, ahead):
        await until(lambda: all(one.whole(owner.store) and bool(one.echoes) for one in (level, behind, ahead)))
        await until(lambda: owner.open == 1)
        await write(owner.store, Written(note="late", text="1"))
        await until(lambda: all(one.whole(owner.store) for one in (level, behind, ahead)))
    assert sorted(owner.opened) == ["ahead", "all", "behind"]


async def test_who_reads_history_for_a_rebuild_has_a_stream_of_its_own() -> None:
    owner = Counting(await written("a:1", "b:1"))
    follower, rebuilding = Follower("a"), Follower("a~rebuild", catching_up=True)
    async with followed(owner, follower, rebuilding):
        await until(lambda: rebuilding.whole(owner.store) and bool(follower.echoes))
        names = [one.name for one in await owner.readers.live(boot_ns() // 1000)]
    assert (sorted(owner.opened), names) == (["all", "a~rebuild"], ["a"])


async def test_an_echo_answers_what_each_had_applied_when_it_was_asked_for() -> None:
    owner = Counting(await written("a:1", "b:1", "c:1"))
    quick, slow = Follower("quick"), Follower("slow")
    slow.go_on.clear()
    async with followed(owner, quick, slow):
        await until(lambda: any(one.reported == 3 for one in quick.echoes))
        slow.go_on.set()
        await until(lambda: any(one.reported == 3 for one in slow.echoes))
    assert all(one.each is None or one.reported == one.each["quick"] for one in quick.echoes)
    assert 0 in {one.reported for one in slow.echoes}


async def test_a_lost_stream_is_lost_for_all_and_begins_anew_where_they_stand() -> None:
    owner = Counting(await written("a:1"))
    followers = [Follower("a"), Follower("b", pace=0.01)]
    async with followed(owner, *followers) as source:
        await until(lambda: all(one.rows for one in followers))
        owner.feed.stop()
        await until(lambda: all(one.lost is not None for one in followers))
        owner.feed = feed_of(owner.store, owner.readers)
        await write(owner.store, Written(note="b", text="1"))
        async with following(source, *followers):
            await until(lambda: all(one.whole(owner.store) for one in followers))
    assert owner.opened == ["all", "all"]


async def test_what_was_kept_of_a_log_that_is_another_now_is_given_to_nobody() -> None:
    owner = Counting(await written("a:1", "b:1", "c:1"))
    follower = Follower("a")
    async with followed(owner, follower) as source:
        await until(lambda: any(one.reported == 3 for one in follower.echoes))
        restored = await written("a:1", "x:1")
        owner.store.rows[:] = restored.rows
        await until(lambda: follower.lost is not None)
        late = Follower("late", after=1)
        async with following(source, late):
            await until(lambda: late.whole(restored))
    assert follower.lost is not None
    assert follower.lost.code == "log_restored"


FOLLOWERS = {
    "without a name": [log_pb2.Follower()],
    "beyond every log": [log_pb2.Follower(reader="a", applied=2**63)],
    "too many": [log_pb2.Follower(reader=str(number)) for number in range(65)],
}


@pytest.mark.parametrize("how", FOLLOWERS)
async def test_followers_that_no_owner_can_keep_are_refused(how: str) -> None:
    readers = MemoryReaders()

    async def requests() -> AsyncIterator[log_pb2.ReadRequest]:
        yield log_pb2.ReadRequest(open=log_pb2.ReadOpen(reader="all"))
        yield log_pb2.ReadRequest(progress=log_pb2.Progress(followers=FOLLOWERS[how]))

    with pytest.raises(Refusal):
        async for _ in feed_of(MemoryStore(), readers).Read(requests(), None):
            pass
    assert await readers.live(0) == []
