"""The store and the keys in memory, answering as a real database may: whenever it likes.

Others may have their turns before the request is there, and again before its answer is. What is done in between is done
at once, as the database does it under its lock.
"""

from collections.abc import Iterable, Sequence

from eventlog.errors import LogUnavailable, Moved
from eventlog.events import Recorded
from eventlog.store import Appended, Command, Guard, Head, MemoryStore, Store
from services.token.adapters.vault import MemoryWrappedKeys
from tests.races.loop import outside, touch

LOG = "log"


def _streams(streams: Iterable[str]) -> set[str]:
    return {f"stream {stream}" for stream in streams}


class SlowStore(MemoryStore):
    """The store in memory."""

    def take(self, rows: Sequence[Recorded]) -> None:
        """Continues the log with rows of another."""
        for row in rows:
            self.rows.append(row)
            self.streams.setdefault(row.stream, []).append(row)

    def lose(self, requests: Sequence[str] = (), answers: Sequence[str] = ()) -> None:
        """Of an append with this correlation id, the next request does not arrive, or the next answer does not."""
        self._requests, self._answers = list(requests), list(answers)

    async def append(self, command: Command) -> Appended:
        return await outside(lambda: self._append(command))

    async def _append(self, command: Command) -> Appended:
        self._lost("_requests", command)
        before, streams = len(self.rows), _streams(write.stream for write in command.writes)
        guarded = _streams(guard.stream for guard in command.guards)
        try:
            appended = await super().append(command)
        except Moved:
            touch(reads=streams | guarded)
            raise
        if len(self.rows) > before:
            touch(reads=guarded, writes={*streams, LOG})
        else:
            touch(reads=_streams([command.writes[0].stream]))
        self._lost("_answers", command)
        return appended

    def _lost(self, what: str, command: Command) -> None:
        to_lose = getattr(self, what, [])
        if command.correlation_id in to_lose:
            to_lose.remove(command.correlation_id)
            raise LogUnavailable

    async def moved(self, guards: Sequence[Guard]) -> dict[str, int]:
        return await outside(lambda: self._moved(guards))

    async def _moved(self, guards: Sequence[Guard]) -> dict[str, int]:
        touch(reads=_streams(guard.stream for guard in guards))
        return await super().moved(guards)

    async def stream(self, stream: str, after: int = 0) -> list[Recorded]:
        return await outside(lambda: self._stream(stream, after))

    async def _stream(self, stream: str, after: int) -> list[Recorded]:
        rows = await super().stream(stream, after)
        touch(reads=_streams([stream]))
        return rows

    async def read(self, after: int, limit: int, max_bytes: int = 1_000_000) -> list[Recorded]:
        return await outside(lambda: self._read(after, limit, max_bytes))

    async def _read(self, after: int, limit: int, max_bytes: int) -> list[Recorded]:
        touch(reads={LOG})
        return await super().read(after, limit, max_bytes)

    async def head(self) -> Head:
        return await outside(self._head)

    async def _head(self) -> Head:
        touch(reads={LOG})
        return await super().head()


async def sent_until_answered(store: Store, command: Command) -> Appended:
    """What a writer does whose answer was lost: the same command again."""
    while True:
        try:
            return await store.append(command)
        except LogUnavailable:
            continue


class HastyStore(SlowStore):
    """A bug on purpose: it looks whether the streams have moved, and stores later."""

    async def append(self, command: Command) -> Appended:
        if moved := await self.moved([Guard(write.stream, write.expected) for write in command.writes]):
            raise Moved(moved)
        unguarded = Command(command.id, command.actor, command.correlation_id, command.writes)
        return await super().append(unguarded)


class SlowKeys(MemoryWrappedKeys):
    """Wrapped keys in memory."""

    def copied(self) -> "SlowKeys":
        copy = SlowKeys()
        copy._wrapped = dict(self._wrapped)
        return copy

    async def put(self, name: str, wrapped: bytes) -> None:
        await outside(lambda: self._put(name, wrapped))

    async def _put(self, name: str, wrapped: bytes) -> None:
        touch(writes={f"key {name}"})
        await super().put(name, wrapped)

    async def get(self, name: str) -> bytes | None:
        return await outside(lambda: self._get(name))

    async def _get(self, name: str) -> bytes | None:
        touch(reads={f"key {name}"})
        return await super().get(name)

    async def delete(self, name: str) -> None:
        await outside(lambda: self._delete(name))

    async def _delete(self, name: str) -> None:
        touch(writes={f"key {name}"})
        await super().delete(name)
