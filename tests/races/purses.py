"""A small domain with what an append has to hold: purses that must not be overdrawn together, names that are unique."""

from collections import Counter
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import msgspec

from eventlog.errors import Kind, Refusal
from eventlog.events import Event, Registry
from eventlog.log import Attempt, By, Fold, Log
from eventlog.sealing import MemorySealKeys, Sealer, Wrapping
from eventlog.store import Store
from tests.harness.log import assert_sound, everything
from tests.races.explore import Operation, Race
from tests.races.history import History
from tests.races.stores import sent_until_answered

events = Registry("purses")


@events.event("coin.earned")
class Earned(Event):
    """A coin more."""


@events.event("coin.spent")
class Spent(Event):
    """A coin less."""


@events.event("name.taken")
class Taken(Event):
    """A name is somebody's."""


class Purse(msgspec.Struct, frozen=True):
    coins: int = 0


class Name(msgspec.Struct, frozen=True):
    """Only whether its stream exists is asked."""


PURSE = Fold("purse", Purse(), lambda purse, event, row: Purse(purse.coins + (1 if isinstance(event, Earned) else -1)))
NAME = Fold("name", Name(), lambda name, event, row: name)
PURSES = ("one", "two")


def open_log(store: Store) -> Log:
    """What a process has of the log."""
    sealer = Sealer(Wrapping(bytes(32)), MemorySealKeys())
    return Log(store, events, sealer, lambda: 1, partial(sent_until_answered, store))


@dataclass
class Said:
    """What one after the other would have made of it: coins, and each event with who wrote it."""

    coins: Counter[str] = field(default_factory=Counter)
    done: set[str] = field(default_factory=set)
    log: list[tuple[str, str, str]] = field(default_factory=list)

    def write(self, by: str, stream: str, event: type[Event]) -> None:
        self.log.append((by, stream, event.type))
        self.coins[stream] += {Earned: 1, Spent: -1}.get(event, 0)


class Doing(Protocol):
    """An operation, as the log does it, and as it would be alone in the world."""

    async def run(self, log: Log, by: str) -> str: ...

    def alone(self, said: Said, by: str) -> str: ...


@dataclass(frozen=True)
class Earn:
    """A coin more. With a command id, twice is once."""

    purse: str
    command_id: str | None = None

    async def run(self, log: Log, by: str) -> str:
        async def decide(attempt: Attempt) -> None:
            await attempt.write(PURSE, self.purse, Earned())

        await log.decide(By("test", by), decide, self.command_id)
        return "done"

    def alone(self, said: Said, by: str) -> str:
        if self.command_id is None or self.command_id not in said.done:
            said.write(by, f"purse/{self.purse}", Earned)
            said.done.add(self.command_id or "")
        return "done"


@dataclass(frozen=True)
class Spend:
    """A coin less in one purse, if there is one in both together."""

    purse: str

    async def run(self, log: Log, by: str) -> str:
        async def decide(attempt: Attempt) -> None:
            if sum([(await attempt.read(PURSE, one)).coins for one in PURSES]) < 1:
                raise _refused("no_coin")
            await attempt.write(PURSE, self.purse, Spent())

        return await _answer(log.decide(By("test", by), decide))

    def alone(self, said: Said, by: str) -> str:
        if sum(said.coins[f"purse/{one}"] for one in PURSES) < 1:
            return "no_coin"
        said.write(by, f"purse/{self.purse}", Spent)
        return "done"


@dataclass(frozen=True)
class SpendUnguarded(Spend):
    """A bug on purpose: it looks, then acts on what it saw without naming it."""

    async def run(self, log: Log, by: str) -> str:
        if sum([(await log.fresh(PURSE, one)).coins for one in PURSES]) < 1:
            return "no_coin"

        async def decide(attempt: Attempt) -> None:
            await attempt.write(PURSE, self.purse, Spent())

        return await _answer(log.decide(By("test", by), decide))


@dataclass(frozen=True)
class Take:
    """A name that nobody has, and two coins with it."""

    name: str

    async def run(self, log: Log, by: str) -> str:
        async def decide(attempt: Attempt) -> None:
            if await attempt.exists(NAME, self.name):
                raise _refused("taken")
            await attempt.write(NAME, self.name, Taken())
            attempt.start(PURSE, f"of-{self.name}", Earned(), Earned())

        return await _answer(log.decide(By("test", by), decide))

    def alone(self, said: Said, by: str) -> str:
        if any(stream == f"name/{self.name}" for _, stream, _ in said.log):
            return "taken"
        said.write(by, f"name/{self.name}", Taken)
        said.write(by, f"purse/of-{self.name}", Earned)
        said.write(by, f"purse/of-{self.name}", Earned)
        return "done"


@dataclass(frozen=True)
class Look:
    """How many coins there are in a purse now."""

    purse: str

    async def run(self, log: Log, by: str) -> str:
        return str((await log.fresh(PURSE, self.purse)).coins)

    def alone(self, said: Said, by: str) -> str:
        return str(said.coins[f"purse/{self.purse}"])


async def purses_at_once(store: Store, logs: dict[str, Log], doings: Sequence[tuple[str, Doing]]) -> Race:
    """The commands as operations, and that they come out as commands one after the other."""
    named = {f"{number}{process}": (process, doing) for number, (process, doing) in enumerate(doings)}
    before = [(row.correlation_id, row.stream, row.type) for row in await everything(store)]

    async def check(history: History) -> None:
        rows = await everything(store)
        assert_sound(rows)
        said = [(row.correlation_id, row.stream, row.type) for row in rows]
        found = any(_alone(order, named, before) == (history.answers, said) for order in history.orders())
        assert found, f"{history.answers} {said[len(before) :]}"

    operations = {
        name: Operation(process, partial(doing.run, logs[process], name)) for name, (process, doing) in named.items()
    }
    return Race(operations, check)


def _alone(
    order: Sequence[str], named: dict[str, tuple[str, Doing]], before: list[tuple[str, str, str]]
) -> tuple[dict[str, str], list[tuple[str, str, str]]]:
    said = Said()
    for by, stream, type_ in before:
        said.write(by, stream, next(one for one in events.types if one.type == type_))
    return {name: named[name][1].alone(said, name) for name in order}, said.log


def _refused(code: str) -> Refusal:
    return Refusal(Kind.CONFLICT, code, code)


async def _answer(deciding: Awaitable[Any]) -> str:
    try:
        await deciding
    except Refusal as refusal:
        return refusal.code
    return "done"
