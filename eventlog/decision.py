"""The words of a decision: who acts, how a stream is read, and what came of it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Generic, TypeVar

import msgspec

from eventlog.events import Event, Recorded

S = TypeVar("S", bound=msgspec.Struct)
T = TypeVar("T")
Ev = TypeVar("Ev", bound=Event)


@dataclass(frozen=True, slots=True)
class By:
    """Who acts, and the correlation id that ties a request to its events."""

    actor: str
    correlation_id: str


@dataclass(frozen=True, slots=True)
class Fold(Generic[S]):
    """How one kind of stream is read: `<kind>/<id>` folds from `initial` by `evolve(state, event, row)`.

    `snapshots` is for streams that grow long; never for those whose state holds what was sealed. `once`: what was
    written is hardly read again, and takes nobody else's place in memory.
    """

    kind: str
    initial: S
    evolve: Callable[[S, Event, Recorded], S]
    snapshots: bool = False
    once: bool = False

    def stream(self, key: str) -> str:
        return f"{self.kind}/{key}"

    @property
    def schema(self) -> str:
        """Changes when the state's fields do, nested ones too, which makes old snapshots unreadable and so ignored."""
        return _schema(type(self.initial))


@lru_cache
def _schema(state: type[msgspec.Struct]) -> str:
    return sha256(repr(msgspec.inspect.type_info(state)).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What a decision answered, its events, and where they stand.

    `position` is the last event's; 0 where there is none.
    """

    value: T
    events: tuple[Event, ...]
    position: int
    time: int

    def find(self, kind: type[Ev]) -> Ev | None:
        """The first event of a kind among those written."""
        return next((event for event in self.events if isinstance(event, kind)), None)
