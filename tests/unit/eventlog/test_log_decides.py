"""A decision is true where its events stand: it runs again if anything that it saw has moved, and twice is once."""

import asyncio
from dataclasses import dataclass, field, replace

import msgspec
import pytest

from eventlog.errors import Kind, Refusal
from eventlog.events import Event, Recorded, Registry, Sealed
from eventlog.log import SNAPSHOT_EVERY, Attempt, By, Fold, Log, Outcome
from eventlog.sealing import MemorySealKeys, Sealer, Wrapping
from eventlog.store import Appended, Command, MemoryStore, Snapshot

events = Registry("test")
BY = By("acc_1", "a-request")


@events.event("counter.counted", sealed_for="owner")
class Counted(Event):
    by: int = 1
    owner: str | None = None
    note: Sealed[str] = None


class Counter(msgspec.Struct, frozen=True):
    count: int = 0
    note: str | None = None


def evolve(state: Counter, event: Event, _row: Recorded) -> Counter:
    assert isinstance(event, Counted)
    return Counter(state.count + event.by, event.note or state.note)


COUNTER = Fold("counter", Counter(), evolve)
LONG = Fold("long", Counter(), evolve, snapshots=True)
ONCE = Fold("once", Counter(), evolve, once=True)


@dataclass(slots=True)
class Processes:
    """Several processes' logs over one store and one table of keys."""

    store: MemoryStore = field(default_factory=MemoryStore)
    keys: MemorySealKeys = field(default_factory=MemorySealKeys)

    def log(self) -> Log:
        return Log(self.store, events, Sealer(Wrapping(bytes(32)), self.keys), now=lambda: 1_700_000_000_000_000)


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


@pytest.fixture
def processes() -> Processes:
    return Processes()


async def count(log: Log, key: str = "1", command_id: str | None = None, by: int = 1) -> Outcome[int]:
    async def decision(attempt: Attempt) -> int:
        state = await attempt.read(COUNTER, key)
        await attempt.write(COUNTER, key, Counted(by=by))
        return state.count

    return await log.decide(BY, decision, command_id)


def full() -> Refusal:
    return Refusal(Kind.CONFLICT, "full", "it counts no further")


async def count_once(log: Log) -> Outcome[None]:
    """Counts to one and refuses to go on."""

    async def decision(attempt: Attempt) -> None:
        if (await attempt.read(COUNTER, "1")).count:
            raise full()
        await attempt.write(COUNTER, "1", Counted())

    return await log.decide(BY, decision)


async def test_a_decision_is_stored_with_who_acted(processes: Processes) -> None:
    outcome = await count(processes.log())
    (row,) = processes.store.rows
    assert (outcome.value, outcome.position, outcome.time) == (0, 1, row.time)
    assert (row.stream, row.actor, row.correlation_id, row.type) == (
        "counter/1",
        "acc_1",
        "a-request",
        "watchword.test.counter.counted.v1",
    )
    assert outcome.find(Counted) == Counted()


async def test_it_runs_again_if_what_it_writes_has_moved(processes: Processes) -> None:
    one, two = processes.log(), processes.log()
    assert [(await count(log)).value for log in (one, two, one, two)] == [0, 1, 2, 3]


async def test_it_runs_again_if_what_it_only_read_has_moved(processes: Processes) -> None:
    one, two = processes.log(), processes.log()
    await count(one)
    await count(two)

    async def copy(attempt: Attempt) -> None:
        seen = await attempt.read(COUNTER, "1")
        await attempt.write(COUNTER, "copy", Counted(by=seen.count))

    assert (await one.decide(BY, copy)).find(Counted) == Counted(by=2)


async def test_many_at_once_each_count(processes: Processes) -> None:
    logs = [processes.log(), processes.log()]
    outcomes = await asyncio.gather(*(count(logs[n % 2]) for n in range(20)))
    assert sorted(outcome.value for outcome in outcomes) == list(range(20))


async def test_a_refusal_stores_nothing(processes: Processes) -> None:
    log = processes.log()

    async def decision(attempt: Attempt) -> None:
        await attempt.write(COUNTER, "1", Counted())
        raise full()

    with pytest.raises(Refusal, match="full"):
        await log.decide(BY, decision)
    assert processes.store.rows == []
    assert (await log.state(COUNTER, "1")) == (0, Counter())


async def test_a_refusal_rests_on_what_is_so_now(processes: Processes) -> None:
    one, two = processes.log(), processes.log()
    await count(one, by=1)
    await count(two, by=-1)
    assert (await one.state(COUNTER, "1"))[1].count == 1
    assert (await count_once(one)).position == 3


async def test_a_decision_to_do_nothing_rests_on_what_is_so_now(processes: Processes) -> None:
    one, two = processes.log(), processes.log()
    await count(one)
    await count(two)

    async def look(attempt: Attempt) -> int:
        return (await attempt.read(COUNTER, "1")).count

    outcome = await one.decide(BY, look)
    assert (outcome.value, outcome.events, outcome.position) == (2, (), 0)


async def test_twice_is_once_in_every_process(processes: Processes) -> None:
    one, two = processes.log(), processes.log()
    first = await count(one, command_id="reaction-1")
    await count(one)
    again = [await count(log, command_id="reaction-1") for log in (one, two)]
    assert [(outcome.position, outcome.events) for outcome in again] == [(first.position, ())] * 2
    assert len(processes.store.rows) == 2


async def test_twice_at_once_is_once_and_what_was_stored_counts(processes: Processes) -> None:
    one, two = processes.log(), processes.log()
    await asyncio.gather(count(one, command_id="reaction-1", by=5), count(two, command_id="reaction-1", by=7))
    (row,) = processes.store.rows
    stored = events.decode(row.type, row.body)
    assert isinstance(stored, Counted)
    for log in (one, two):
        assert (await log.state(COUNTER, "1"))[1].count == stored.by


async def test_a_cancelled_caller_does_not_lose_what_it_began(processes: Processes) -> None:
    caller = asyncio.create_task(count(processes.log()))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    async with asyncio.timeout(5):
        await processes.store.wait(0, timeout=5)
    assert len(processes.store.rows) == 1


async def test_what_is_always_overtaken_is_refused_in_the_end(processes: Processes) -> None:
    log, other = processes.log(), processes.log()

    async def overtaken(attempt: Attempt) -> None:
        await attempt.read(COUNTER, "1")
        await count(other)
        await attempt.write(COUNTER, "1", Counted())

    with pytest.raises(Refusal, match="contended"):
        await log.decide(BY, overtaken)


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


class Answerless(MemoryStore):
    """A store whose first answer is lost after the commit."""

    async def append(self, command: Command) -> Appended:
        first = not self.rows
        answer = await super().append(command)
        if first:
            raise ConnectionError
        return answer


async def test_after_a_lost_answer_the_same_command_id_settles_it() -> None:
    log = Processes(Answerless()).log()
    with pytest.raises(ConnectionError):
        await count(log, command_id="c1", by=5)
    again = await count(log, command_id="c1", by=7)
    assert again.position == 1
    assert (await log.state(COUNTER, "1"))[1].count == 5
