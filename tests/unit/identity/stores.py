"""Logs in memory that behave as a database does on its worse days."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from eventlog.errors import LogUnavailable
from eventlog.events import Recorded
from eventlog.store import Appended, Command, Guard, MemoryStore


@dataclass
class CountedStore(MemoryStore):
    """Counts how often it is asked, as round trips; `streams_asked` are the streams that were asked for."""

    asked: int = 0
    streams_asked: set[str] = field(default_factory=set)

    async def append(self, command: Command) -> Appended:
        self.asked += 1
        return await super().append(command)

    async def moved(self, guards: Sequence[Guard]) -> dict[str, int]:
        self.asked += 1
        self.streams_asked |= {guard.stream for guard in guards}
        return await super().moved(guards)

    async def stream(self, stream: str, after: int = 0) -> list[Recorded]:
        self.asked += 1
        self.streams_asked.add(stream)
        return await super().stream(stream, after)


@dataclass
class FailingStore(MemoryStore):
    """Does not answer to appends of one type while `fails`: before it stores them, or once they are stored."""

    fails: Callable[[str], bool] = field(default=lambda type_: False)
    stores_first: bool = False

    async def append(self, command: Command) -> Appended:
        if any(self.fails(event.type) for write in command.writes for event in write.events):
            if self.stores_first:
                await super().append(command)
            raise LogUnavailable
        return await super().append(command)
