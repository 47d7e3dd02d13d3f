"""What a log reads is as fresh as is asked for, from no more streams than must be, and from snapshots where it can."""

import asyncio
from dataclasses import replace

import msgspec
import pytest

from eventlog.events import Recorded
from eventlog.log import SNAPSHOT_EVERY, Attempt, Fold
from eventlog.store import MemoryStore, Snapshot
from tests.unit.eventlog.counting import BY, COUNTER, LONG, Counted, Counter, Processes, count, evolve

ONCE = Fold("once", Counter(), evolve, once=True)


class Asked(MemoryStore):
    """A store that notes which streams it is asked for."""

    def __init__(self, of: MemoryStore) -> None:
        super().__init__(rows=of.rows)
        self.streams = of.streams
        self.asked: list[str] = []

    async def stream(self, stream: str, after: int = 0) -> list[Recorded]:
        """See Store.stream."""
        self.asked.append(stream)
        return await super().stream(stream, after)


async def test_what_is_sealed_is_read_back_and_forgotten_with_its_key(processes: Processes) -> None:
    log = processes.log()

    async def note(attempt: Attempt) -> None:
        await attempt.write(COUNTER, "1", Counted(owner="acc_7", note="somebody's name"))

    await log.decide(BY, note)
    (row,) = processes.store.rows
    assert b"somebody" not in row.body
    assert row.sealed is not None
    assert b"somebody" not in row.sealed
    assert (await processes.log().state(COUNTER, "1"))[1].note == "somebody's name"
    await processes.keys.erase("account/acc_7")
    assert (await processes.log().state(COUNTER, "1"))[1] == Counter(1, None)


async def test_fresh_knows_what_another_process_wrote(processes: Processes) -> None:
    one, two = processes.log(), processes.log()
    await count(one)
    await count(two)
    assert (await one.state(COUNTER, "1"))[1].count == 1
    assert (await one.fresh(COUNTER, "1")).count == 2


async def test_several_are_asked_at_once_and_each_is_as_fresh(processes: Processes) -> None:
    one, two = processes.log(), processes.log()
    for key in ("1", "2"):
        await count(one, key)
    await count(two, "2")
    await count(two, "3")
    assert [state.count for state in await one.fresh_each(COUNTER, ["1", "2", "3", "4"])] == [1, 2, 1, 0]


async def test_of_many_that_are_expected_none_is_asked_for_by_itself(processes: Processes) -> None:
    await count(processes.log(), "2")
    log = processes.log()
    log.store = read = Asked(processes.store)

    async def decision(attempt: Attempt) -> list[int]:
        await attempt.expect((COUNTER, str(number)) for number in range(4))
        states = [await attempt.read(COUNTER, str(number)) for number in range(4)]
        await attempt.write(COUNTER, "3", Counted())
        return [state.count for state in states]

    assert (await log.decide(BY, decision)).value == [0, 0, 1, 0]
    assert read.asked == []
    assert (await log.decide(BY, decision)).value == [0, 0, 1, 1]
    assert read.asked == []


@pytest.mark.parametrize("readable", [True, False])
async def test_those_that_are_expected_go_on_from_their_snapshots_where_these_can_be_read(
    processes: Processes, monkeypatch: pytest.MonkeyPatch, readable: bool
) -> None:
    monkeypatch.setattr("eventlog.log.AT_ONCE", 2)
    writer, many = processes.log(), 3

    async def grow(attempt: Attempt) -> None:
        for number in range(many):
            await attempt.write(LONG, str(number), *(Counted() for _ in range(SNAPSHOT_EVERY + number)))

    await writer.decide(BY, grow)
    while len(processes.store.snapshots) < many:
        await asyncio.sleep(0)
    if not readable:
        for stream, kept in processes.store.snapshots.items():
            processes.store.snapshots[stream] = replace(kept, schema="another")
    log = processes.log()
    log.store = read = Asked(processes.store)
    read.snapshots = processes.store.snapshots
    await log.learn((LONG, str(number)) for number in range(many + 1))
    states = [await log.state(LONG, str(number)) for number in range(many + 1)]
    assert [(version, state.count) for version, state in states] == [
        *((SNAPSHOT_EVERY + number, SNAPSHOT_EVERY + number) for number in range(many)),
        (0, 0),
    ]
    assert read.asked == []


async def test_what_is_read_once_takes_nobodys_place_in_memory(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventlog.log.CACHED", 2)
    log = processes.log()
    await count(log)
    for number in range(3):

        async def decision(attempt: Attempt, number: int = number) -> None:
            attempt.start(ONCE, str(number), Counted())

        await log.decide(BY, decision)
    read = Asked(processes.store)
    log.store = read
    assert (await log.state(COUNTER, "1"))[1].count == 1
    assert not read.asked


async def test_a_long_stream_is_loaded_from_its_snapshot(processes: Processes) -> None:
    log = processes.log()

    async def more(attempt: Attempt) -> None:
        await attempt.write(LONG, "1", *(Counted() for _ in range(30)))

    await log.decide(BY, more)
    await log.decide(BY, more)
    assert await processes.log().state(LONG, "1") == (60, Counter(60))
    kept = processes.store.snapshots["long/1"]
    assert kept.version == 60
    processes.store.snapshots["long/1"] = Snapshot(60, kept.schema, msgspec.msgpack.encode(Counter(1000)))
    assert await processes.log().state(LONG, "1") == (60, Counter(1000))


async def test_a_snapshot_of_another_form_is_ignored(processes: Processes) -> None:
    log = processes.log()
    await log.decide(BY, lambda attempt: attempt.write(LONG, "1", Counted()))
    processes.store.snapshots["long/1"] = Snapshot(1, "count:float", b"")
    assert await processes.log().state(LONG, "1") == (1, Counter(1))
