"""One try at a decision: what it has read, and what it writes (RULES 1)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import msgspec

from eventlog.decision import Fold
from eventlog.events import Event

S = TypeVar("S", bound=msgspec.Struct)


class States(Protocol):
    """Where states of streams come from; `eventlog.log.Log` is one."""

    async def state(self, fold: Fold[S], key: str) -> tuple[int, S]: ...

    async def learn(self, wanted: Iterable[tuple[Fold[Any], str]]) -> None: ...


@dataclass(slots=True)
class Seen:
    """A stream as an attempt has read it, and the events that it adds to it."""

    fold: Fold[Any]
    version: int
    state: Any
    events: list[Event]


class Attempt:
    """One try at a decision. `now` is the log's time in microseconds since 1970."""

    def __init__(self, log: States, now: int) -> None:
        self._log = log
        self.now = now
        self.seen: dict[str, Seen] = {}

    async def read(self, fold: Fold[S], key: str) -> S:
        """The state of a stream, `fold.initial` where it does not exist. What is read is guarded."""
        stream = fold.stream(key)
        if stream not in self.seen:
            version, state = await self._log.state(fold, key)
            self.seen[stream] = Seen(fold, version, state, [])
        state_now: S = self.seen[stream].state
        return state_now

    async def expect(self, wanted: Iterable[tuple[Fold[Any], str]]) -> None:
        """Before many streams are read: all of them are asked for together, not one after another."""
        await self._log.learn(wanted)

    async def exists(self, fold: Fold[Any], key: str) -> bool:
        """Whether a stream has any event. Guarded."""
        await self.read(fold, key)
        return self.seen[fold.stream(key)].version > 0

    async def write(self, fold: Fold[Any], key: str, *events: Event) -> None:
        """Adds events to a stream. They are stored when the decision returns; a decision that raises stores nothing."""
        await self.read(fold, key)
        self.seen[fold.stream(key)].events.extend(events)

    def start(self, fold: Fold[Any], key: str, *events: Event) -> None:
        """Begins a stream whose key was just made. It is not read first: were it there, the append would say so."""
        self.seen[fold.stream(key)] = Seen(fold, 0, fold.initial, list(events))
