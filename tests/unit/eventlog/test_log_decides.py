"""A decision is true where its events stand: it runs again if anything that it saw has moved, and twice is once."""

import asyncio

import pytest

from eventlog.errors import Kind, Refusal
from eventlog.log import Attempt, Log, Outcome
from eventlog.store import Appended, Command, MemoryStore
from tests.unit.eventlog.counting import BY, COUNTER, Counted, Counter, Processes, count, events


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
