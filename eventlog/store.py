"""The store's protocol, and its form in memory. One suite holds for both (tests/integration/test_store_contract.py)."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

import msgspec

from eventlog.errors import Moved
from eventlog.events import Recorded
from watchword.chain import GENESIS, link


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be written: its type, body and sealed ciphertext."""

    type: str
    body: bytes
    sealed: bytes | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """Events for one stream that is expected to stand at version `expected` (0: not to exist)."""

    stream: str
    expected: int
    events: Sequence[NewEvent]


@dataclass(frozen=True, slots=True)
class Guard:
    """A stream that the command decided on but does not write, with the version that it saw."""

    stream: str
    version: int


@dataclass(frozen=True, slots=True)
class Command:
    """What is stored together or not at all. The id makes a second sending answer as the first did.

    `own_id` says that the id was made for this command alone: else another one may stand under it already, which
    decided something else.

    It writes something, names each stream once, and its texts are such as any store can keep: else ValueError.
    """

    id: str
    actor: str
    correlation_id: str
    writes: Sequence[Write]
    guards: Sequence[Guard] = ()
    own_id: bool = False

    def __post_init__(self) -> None:
        streams = [write.stream for write in self.writes] + [guard.stream for guard in self.guards]
        types = [event.type for write in self.writes for event in write.events]
        if not self.writes or not all(write.events for write in self.writes) or len(set(streams)) != len(streams):
            raise ValueError("a command adds events to each stream that it writes, and names each stream once")
        if b"\0" in "".join((self.id, self.actor, self.correlation_id, *streams, *types)).encode():
            raise ValueError("a command's texts hold no NUL")


@dataclass(frozen=True, slots=True)
class Appended:
    """Where a command's events stand: contiguous, in the order of the command. `time` in microseconds since 1970."""

    first: int
    last: int
    time: int


@dataclass(frozen=True, slots=True)
class Head:
    """The last row of a log, and the log's time now, in microseconds since 1970."""

    position: int
    chain_hash: bytes
    now: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A folded state at a version; disposable. `schema` tells whether this code can still read it."""

    version: int
    schema: str
    state: bytes


class Store(Protocol):
    """A log: gap-free, monotonic, in commit order. Methods raise LogUnavailable where it does not answer in time."""

    async def append(self, command: Command) -> Appended:
        """Stores the command. Raises Moved where a stream is not where the command saw it; then nothing is stored."""
        ...

    async def moved(self, guards: Sequence[Guard]) -> dict[str, int]:
        """The versions now of those streams that are no longer where they were seen."""
        ...

    async def stream(self, stream: str, after: int = 0) -> list[Recorded]:
        """The events of one stream above version `after`, in order."""
        ...

    async def stream_each(self, after: Mapping[str, int]) -> list[Recorded]:
        """The same of several streams at once, each above its version; one stream after another."""
        ...

    async def read(self, after: int, limit: int, max_bytes: int = 1_000_000) -> list[Recorded]:
        """One page of the log above position `after`, in order: at most `limit` rows and `max_bytes`, at least one.

        It may end before the log does; only an empty one says that there is no more.
        """
        ...

    async def head(self) -> Head:
        """Read from the database when called, never remembered."""
        ...

    async def wait(self, after: int, timeout: float) -> None:
        """Returns once the log may be longer than `after`, or after `timeout` seconds."""
        ...

    def tell(self, grown: Callable[[int], None]) -> AbstractContextManager[None]:
        """Calls `grown` with how long the log is each time that it has grown, while the context lasts."""
        ...

    async def snapshot(self, stream: str) -> Snapshot | None: ...

    async def snapshot_each(self, streams: Sequence[str]) -> dict[str, Snapshot]:
        """Those that there are, by their streams."""
        ...

    async def keep_snapshot(self, stream: str, snapshot: Snapshot) -> None: ...


def page_of(rows: Sequence[Recorded], limit: int, max_bytes: int) -> list[Recorded]:
    """The first rows that fit: at most `limit` and `max_bytes`, at least one where there is one."""
    page: list[Recorded] = []
    size = 0
    for row in rows[:limit]:
        size += weight(row)
        if page and size > max_bytes:
            break
        page.append(row)
    return page


def weight(row: Recorded) -> int:
    """What a row counts for in bytes."""
    return len(row.body) + len(row.sealed or b"")


def rows_of(command: Command, appended: Appended, previous: bytes) -> list[Recorded]:
    """A command's events as they stand in the log behind the row whose chain hash is `previous`."""
    rows: list[Recorded] = []
    for write in command.writes:
        for version, event in enumerate(write.events, write.expected + 1):
            row = Recorded(
                position=appended.first + len(rows),
                stream=write.stream,
                version=version,
                type=event.type,
                time=appended.time,
                command_id=command.id,
                actor=command.actor,
                correlation_id=command.correlation_id,
                body=event.body,
                sealed_hash=b"" if event.sealed is None else sha256(event.sealed).digest(),
                sealed=event.sealed,
            )
            previous = link(previous, row)
            rows.append(msgspec.structs.replace(row, chain_hash=previous))
    return rows


class Followers:
    """Those whom a log tells that it has grown."""

    def __init__(self) -> None:
        self._told: list[Callable[[int], None]] = []

    @contextmanager
    def tell(self, grown: Callable[[int], None]) -> Iterator[None]:
        """See Store.tell."""
        self._told.append(grown)
        try:
            yield
        finally:
            self._told.remove(grown)

    def wake(self, position: int) -> None:
        """Tells all of them how long it is."""
        for grown in self._told:
            grown(position)


def _now() -> int:
    return time.time_ns() // 1000


@dataclass(slots=True)
class MemoryStore:
    """A log in memory: the same rules, for tests and for reading the rules in one place."""

    clock: Callable[[], int] = _now
    rows: list[Recorded] = field(default_factory=list)
    streams: dict[str, list[Recorded]] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    _grown: asyncio.Event = field(default_factory=asyncio.Event)
    _followers: Followers = field(default_factory=Followers)

    async def append(self, command: Command) -> Appended:
        """See Store.append."""
        await asyncio.sleep(0)
        before = self._repeated(command)
        if before is not None:
            return before
        seen = [Guard(write.stream, write.expected) for write in command.writes] + list(command.guards)
        if moved := await self.moved(seen):
            raise Moved(moved)
        return self._store(command)

    def _repeated(self, command: Command) -> Appended | None:
        first = command.writes[0]
        rows = self.streams.get(first.stream, [])
        if len(rows) <= first.expected or rows[first.expected].command_id != command.id:
            return None
        row = rows[first.expected]
        count = sum(len(write.events) for write in command.writes)
        return Appended(row.position, row.position + count - 1, row.time)

    def _store(self, command: Command) -> Appended:
        now = max(self.rows[-1].time if self.rows else 0, self.clock())
        first = len(self.rows) + 1
        previous = self.rows[-1].chain_hash if self.rows else GENESIS
        for row in rows_of(command, Appended(first, 0, now), previous):
            self.rows.append(row)
            self.streams.setdefault(row.stream, []).append(row)
        self._grown.set()
        self._grown = asyncio.Event()
        self._followers.wake(len(self.rows))
        return Appended(first, len(self.rows), now)

    async def moved(self, guards: Sequence[Guard]) -> dict[str, int]:
        """See Store.moved."""
        versions = {guard.stream: len(self.streams.get(guard.stream, [])) for guard in guards}
        return {guard.stream: versions[guard.stream] for guard in guards if versions[guard.stream] != guard.version}

    async def stream(self, stream: str, after: int = 0) -> list[Recorded]:
        """See Store.stream."""
        await asyncio.sleep(0)
        return self.streams.get(stream, [])[after:]

    async def stream_each(self, after: Mapping[str, int]) -> list[Recorded]:
        """See Store.stream_each."""
        await asyncio.sleep(0)
        return [row for stream, version in after.items() for row in self.streams.get(stream, [])[version:]]

    async def read(self, after: int, limit: int, max_bytes: int = 1_000_000) -> list[Recorded]:
        """See Store.read."""
        return page_of(self.rows[after : after + limit], limit, max_bytes)

    async def head(self) -> Head:
        """See Store.head."""
        last = self.rows[-1] if self.rows else None
        now = max(last.time if last else 0, self.clock())
        return Head(last.position if last else 0, last.chain_hash if last else GENESIS, now)

    async def wait(self, after: int, timeout: float) -> None:
        """See Store.wait."""
        if len(self.rows) > after:
            return
        try:
            async with asyncio.timeout(timeout):
                await self._grown.wait()
        except TimeoutError:
            return

    def tell(self, grown: Callable[[int], None]) -> AbstractContextManager[None]:
        """See Store.tell."""
        return self._followers.tell(grown)

    async def snapshot(self, stream: str) -> Snapshot | None:
        return self.snapshots.get(stream)

    async def snapshot_each(self, streams: Sequence[str]) -> dict[str, Snapshot]:
        """See Store.snapshot_each."""
        return {stream: self.snapshots[stream] for stream in streams if stream in self.snapshots}

    async def keep_snapshot(self, stream: str, snapshot: Snapshot) -> None:
        self.snapshots[stream] = snapshot
