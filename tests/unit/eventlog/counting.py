"""Counters in a log, and several processes that count."""

from dataclasses import dataclass, field

import msgspec

from eventlog.events import Event, Recorded, Registry, Sealed
from eventlog.log import Attempt, By, Fold, Log, Outcome
from eventlog.sealing import MemorySealKeys, Sealer, Wrapping
from eventlog.store import MemoryStore

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


@dataclass(slots=True)
class Processes:
    """Several processes' logs over one store and one table of keys."""

    store: MemoryStore = field(default_factory=MemoryStore)
    keys: MemorySealKeys = field(default_factory=MemorySealKeys)

    def log(self) -> Log:
        return Log(self.store, events, Sealer(Wrapping(bytes(32)), self.keys), now=lambda: 1_700_000_000_000_000)


async def count(log: Log, key: str = "1", command_id: str | None = None, by: int = 1) -> Outcome[int]:
    async def decision(attempt: Attempt) -> int:
        state = await attempt.read(COUNTER, key)
        await attempt.write(COUNTER, key, Counted(by=by))
        return state.count

    return await log.decide(BY, decision, command_id)
