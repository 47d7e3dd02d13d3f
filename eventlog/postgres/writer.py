"""The group commit: one writer per process takes all that waits and appends it in one call (RULES 1)."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import asyncpg
import structlog

from eventlog.errors import LogUnavailable, Moved, unavailable
from eventlog.postgres.connection import CALL, LOST, PATIENCE, PAUSE, connect
from eventlog.store import Appended, Command

log = structlog.get_logger()

MAX_COMMANDS = 512
MAX_BYTES = 4_000_000

Committed = Callable[[Sequence[tuple[Command, Appended]], int], None]

_APPEND = "SELECT * FROM eventlog.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"


@dataclass(frozen=True, slots=True, eq=False)
class _Pending:
    command: Command
    answer: asyncio.Future[Appended]
    deadline: float
    size: int


class Writer:
    """Appends for every caller in the process, on a connection of its own.

    A call whose answer is lost is sent again with the same command ids, which settles it. `committed` is told what an
    answer says was stored, and the log's time in microseconds.
    """

    def __init__(self, dsn: str, committed: Committed, queue: int) -> None:
        self._dsn = dsn
        self._committed = committed
        self._queue = queue
        self._waiting: deque[_Pending] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._connection: asyncpg.Connection | None = None
        self._statement: Any = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="eventlog writer")

    async def close(self) -> None:
        """Appends what waits, for as long as its callers would wait, and ends."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task

    async def append(self, command: Command) -> Appended:
        """See Store.append. A caller that is cancelled takes its command along only while it has not been sent."""
        if self._closing or self._task is None:
            raise LogUnavailable("the event log is closed")
        if len(self._waiting) >= self._queue:
            raise unavailable("log_overloaded", "too many commands wait for the event log")
        loop = asyncio.get_running_loop()
        pending = _Pending(command, loop.create_future(), loop.time() + PATIENCE, _size(command))
        self._waiting.append(pending)
        self._wake.set()
        return await pending.answer

    async def _run(self) -> None:
        try:
            while self._waiting or not self._closing:
                if self._waiting:
                    await self._commit(self._take())
                else:
                    self._wake.clear()
                    await self._wake.wait()
        finally:
            self._disconnect()
            for pending in self._waiting:
                _fail(pending, LogUnavailable("the event log is closed"))

    def _take(self) -> list[_Pending]:
        """What goes in one call. A command sent twice settles against the table: its twin waits for the next call."""
        batch: list[_Pending] = []
        ids: set[str] = set()
        size = 0
        while self._waiting and len(batch) < MAX_COMMANDS and self._waiting[0].command.id not in ids:
            size += self._waiting[0].size
            if batch and size > MAX_BYTES:
                break
            batch.append(self._waiting.popleft())
            ids.add(batch[-1].command.id)
        return batch

    async def _commit(self, batch: list[_Pending]) -> None:
        while batch := [pending for pending in batch if _still_wanted(pending)]:
            try:
                answer = await self._call([pending.command for pending in batch])
            except LOST:
                self._disconnect()
                await asyncio.sleep(PAUSE)
            except asyncpg.PostgresError as error:
                await self._isolate(batch, error)
                return
            except Exception:
                log.exception("append_failed")
                self._disconnect()
                for pending in batch:
                    _fail(pending, LogUnavailable())
            else:
                self._answer(batch, answer)
                return

    async def _isolate(self, batch: list[_Pending], error: asyncpg.PostgresError) -> None:
        """What one command is refused for must not fail the others."""
        if len(batch) == 1:
            _fail(batch[0], error)
            return
        for pending in batch:
            await self._commit([pending])

    async def _call(self, commands: Sequence[Command]) -> asyncpg.Record:
        async with asyncio.timeout(CALL):
            if self._connection is None:
                self._connection = await connect(self._dsn, "eventlog writer")
                self._statement = await self._connection.prepare(_APPEND)
            row: asyncpg.Record = await self._statement.fetchrow(*_arguments(commands))
            return row

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
        self._connection = self._statement = None

    def _answer(self, batch: Sequence[_Pending], row: asyncpg.Record) -> None:
        moved = dict(zip(row["moved_claims"] or (), row["moved_versions"] or (), strict=True))
        claim = 1
        stored: list[tuple[Command, Appended]] = []
        for pending, first, time in zip(batch, row["firsts"], row["times"], strict=True):
            streams = list(_claimed(pending.command))
            if first is None:
                now = {stream: moved[n] for n, (stream, _, _) in enumerate(streams, claim) if n in moved}
                _fail(pending, Moved(now))
            else:
                appended = Appended(first, first + _count(pending.command) - 1, time)
                stored.append((pending.command, appended))
                if not pending.answer.done():
                    pending.answer.set_result(appended)
            claim += len(streams)
        self._committed(stored, row["now_us"])


def _still_wanted(pending: _Pending) -> bool:
    if asyncio.get_running_loop().time() > pending.deadline:
        _fail(pending, LogUnavailable())
    return not pending.answer.done()


def _fail(pending: _Pending, error: Exception) -> None:
    if not pending.answer.done():
        pending.answer.set_exception(error)


def _count(command: Command) -> int:
    return sum(len(write.events) for write in command.writes)


def _size(command: Command) -> int:
    events = (event for write in command.writes for event in write.events)
    return sum(len(event.body) + len(event.sealed or b"") for event in events)


def _claimed(command: Command) -> Iterator[tuple[str, int, int]]:
    """Stream, version seen, events added: writes first, then guards."""
    writes = ((write.stream, write.expected, len(write.events)) for write in command.writes)
    return chain(writes, ((guard.stream, guard.version, 0) for guard in command.guards))


def _arguments(commands: Sequence[Command]) -> tuple[list[Any], ...]:
    """The arrays that eventlog.append takes, in its order; its indices begin with 1."""
    streams: dict[str, int] = {}
    firsts: list[int] = []
    claims: list[tuple[int, int, int, int]] = []
    events: list[tuple[int, int, str, bytes, bytes | None]] = []
    for number, command in enumerate(commands, 1):
        firsts.append(len(claims) + 1)
        for claim, write in enumerate(command.writes, firsts[-1]):
            events += [(claim, write.expected + n, e.type, e.body, e.sealed) for n, e in enumerate(write.events, 1)]
        for stream, version, size in _claimed(command):
            claims.append((number, streams.setdefault(stream, len(streams) + 1), version, size))
    return (
        [command.id for command in commands],
        [command.actor for command in commands],
        [command.correlation_id for command in commands],
        [_count(command) for command in commands],
        firsts,
        list(streams),
        *map(list, zip(*claims, strict=True)),
        *map(list, zip(*events, strict=True)),
    )
