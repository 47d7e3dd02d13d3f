"""load → decide → append, in one place: folded states, guards, retries, sealing (RULES 1).

A decision reads the streams that it depends on and writes events to some of them. Every stream that it read is a guard,
so what it decided is true at the position where its events stand; if any stream has moved it decides again.
"""

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

import msgspec

from eventlog.attempt import Attempt, Seen
from eventlog.decision import By, Fold, Outcome
from eventlog.errors import Moved, unavailable
from eventlog.events import Event, Recorded, Registry, encode
from eventlog.sealing import SERVICE, Sealer
from eventlog.store import Appended, Command, Guard, NewEvent, Snapshot, Store, Write

__all__ = ["Append", "Attempt", "By", "Fold", "Log", "Outcome"]

S = TypeVar("S", bound=msgspec.Struct)
T = TypeVar("T")

Append = Callable[[Command], Awaitable[Appended]]

CACHED = 20_000
AT_ONCE = 100
"""Streams that are read together."""
SNAPSHOT_EVERY = 50
ATTEMPTS = 100
PATIENCE = 8.0


class Log:
    """One service's log, as its commands use it. `append` stands in for the store's, around which it does more."""

    def __init__(
        self, store: Store, registry: Registry, sealer: Sealer, now: Callable[[], int], append: Append | None = None
    ) -> None:
        self.store = store
        self.registry = registry
        self.sealer = sealer
        self.now = now
        self._cache: OrderedDict[str, tuple[int, Any]] = OrderedDict()
        self._append = append or store.append
        self._snapshots: set[asyncio.Future[None]] = set()

    async def decide(
        self, by: By, decision: Callable[[Attempt], Awaitable[T]], command_id: str | None = None
    ) -> Outcome[T]:
        """Runs the decision until it holds, and stores its events.

        A refusal by the decision is raised only once what it read has been confirmed. `command_id` makes twice once:
        where a stream that the decision read holds an event of that command, nothing more is stored and the outcome
        has no events. Raises what the decision raises, LogUnavailable, and Refusal `contended` when others win for too
        long. A caller that is cancelled does not lose the append that it began.
        """
        return await asyncio.shield(asyncio.ensure_future(self._decide(by, decision, command_id)))

    async def _decide(self, by: By, decision: Callable[[Attempt], Awaitable[T]], command_id: str | None) -> Outcome[T]:
        deadline = asyncio.get_running_loop().time() + PATIENCE
        for _ in range(ATTEMPTS):
            attempt = Attempt(self, self.now())
            try:
                value = await decision(attempt)
            except Exception:
                if await self._confirmed(attempt):
                    raise
                continue
            before = None if command_id is None else await self._before(attempt, command_id)
            if before is not None:
                return Outcome(value, (), before.position, before.time)
            try:
                return await self._store(by, attempt, value, command_id)
            except Moved as moved:
                self._forget(moved.versions)
            if asyncio.get_running_loop().time() > deadline:
                break
        raise unavailable("contended", "many requests change the same thing at once")

    async def _confirmed(self, attempt: Attempt) -> bool:
        guards = [Guard(stream, seen.version) for stream, seen in attempt.seen.items()]
        moved = await self.store.moved(guards) if guards else {}
        self._forget(moved)
        return not moved

    async def _before(self, attempt: Attempt, command_id: str) -> Recorded | None:
        """The last event, among the streams that the attempt has seen, that an earlier run of the command left."""
        streams = [stream for stream, seen in attempt.seen.items() if seen.version]
        rows = [row for stream in streams for row in await self.store.stream(stream) if row.command_id == command_id]
        return max(rows, key=lambda row: row.position, default=None)

    async def _store(self, by: By, attempt: Attempt, value: T, command_id: str | None) -> Outcome[T]:
        written = {stream: seen for stream, seen in attempt.seen.items() if seen.events}
        if not written:
            if await self._confirmed(attempt):
                return Outcome(value, (), 0, attempt.now)
            raise Moved({})
        command = Command(
            id=command_id or secrets.token_hex(16),
            actor=by.actor,
            correlation_id=by.correlation_id,
            writes=[Write(stream, seen.version, await self._sealed(stream, seen)) for stream, seen in written.items()],
            guards=[Guard(stream, seen.version) for stream, seen in attempt.seen.items() if not seen.events],
            own_id=command_id is None,
        )
        appended = await self._append(command)
        if command_id is None:
            self._advance(command, written, appended)
        else:  # what stands there may be what another run of the command decided
            self._forget(dict.fromkeys(written, -1))
        events = tuple(event for seen in written.values() for event in seen.events)
        return Outcome(value, events, appended.last, appended.time)

    async def _sealed(self, stream: str, seen: Seen) -> Sequence[NewEvent]:
        events = []
        for version, event in enumerate(seen.events, seen.version + 1):
            body, plain = encode(event)
            sealed = None if plain is None else await self.sealer.seal(_owner(event), stream, version, plain)
            events.append(NewEvent(event.type, body, sealed))
        return events

    def _advance(self, command: Command, written: dict[str, Seen], appended: Appended) -> None:
        position = appended.first
        for write, (stream, seen) in zip(command.writes, written.items(), strict=True):
            state, version = seen.state, seen.version
            for new, event in zip(write.events, seen.events, strict=True):
                version += 1
                row = Recorded(
                    position=position,
                    stream=stream,
                    version=version,
                    type=new.type,
                    time=appended.time,
                    command_id=command.id,
                    actor=command.actor,
                    correlation_id=command.correlation_id,
                    body=new.body,
                )
                state = seen.fold.evolve(state, event, row)
                position += 1
            if not seen.fold.once:
                self._remember(stream, version, state)
            self._snapshot_later(seen.fold, stream, seen.version, version, state)

    def _snapshot_later(self, fold: Fold[Any], stream: str, before: int, version: int, state: Any) -> None:
        if fold.snapshots and before // SNAPSHOT_EVERY != version // SNAPSHOT_EVERY:
            kept = self.store.keep_snapshot(stream, Snapshot(version, fold.schema, msgspec.msgpack.encode(state)))
            task = asyncio.ensure_future(kept)
            self._snapshots.add(task)
            task.add_done_callback(self._snapshot_done)

    def _snapshot_done(self, task: asyncio.Future[None]) -> None:
        # A snapshot is disposable: one that could not be kept costs a longer load, nothing else.
        self._snapshots.discard(task)
        if not task.cancelled():
            task.exception()

    async def state(self, fold: Fold[S], key: str) -> tuple[int, S]:
        """Version and state of a stream, perhaps from memory: trusted because every decision's guards are checked."""
        stream = fold.stream(key)
        if stream in self._cache:
            self._cache.move_to_end(stream)
            return self._cache[stream]
        return await self._load(fold, stream)

    async def learn(self, wanted: Iterable[tuple[Fold[Any], str]]) -> None:
        """Remembers those that are not in memory, and which of them do not exist; see Attempt.expect."""
        streams = {fold.stream(key): fold for fold, key in wanted}
        unknown = [stream for stream in streams if stream not in self._cache]
        there = await self.store.moved([Guard(stream, 0) for stream in unknown]) if unknown else {}
        for stream in unknown:
            if stream not in there:
                self._remember(stream, 0, streams[stream].initial)
        found = list(there)
        for first in range(0, len(found), AT_ONCE):
            await self._load_each({stream: streams[stream] for stream in found[first : first + AT_ONCE]})

    async def fresh(self, fold: Fold[S], key: str) -> S:
        """The state of a stream as it stands in the database now, for answers that no append confirms.

        It is asked once, whether the stream is in memory, or is there at all: the time tells nothing.
        """
        stream = fold.stream(key)
        if stream not in self._cache:
            return (await self._load(fold, stream))[1]
        version, state = self._cache[stream]
        if await self.store.moved([Guard(stream, version)]):
            return (await self._load(fold, stream))[1]
        # Not what is remembered by now: a slow reader may have brought back what was true before this was asked.
        if stream in self._cache:
            self._cache.move_to_end(stream)
        return cast(S, state)

    async def fresh_each(self, fold: Fold[S], keys: Sequence[str]) -> list[S]:
        """As `fresh` for each of several streams, with one question for all that are in memory."""
        streams = [fold.stream(key) for key in keys]
        known = {stream: self._cache[stream] for stream in streams if stream in self._cache}
        guards = [Guard(stream, version) for stream, (version, _) in known.items()]
        moved = await self.store.moved(guards) if guards else {}
        still = {stream: cast(S, state) for stream, (_, state) in known.items() if stream not in moved}
        return [still[one] if one in still else (await self._load(fold, one))[1] for one in streams]

    def forget(self, fold: Fold[Any], key: str) -> None:
        """Whoever asks for the stream next reads it anew: it is known to have moved, or may have."""
        self._cache.pop(fold.stream(key), None)

    async def decode(self, row: Recorded) -> Event | None:
        """The event of a row with its sealed part opened, without it where the key was erased."""
        event = self.registry.decode(row.type, row.body)
        if event is None or row.sealed is None:
            return event
        plain = await self.sealer.open(_owner(event), row.stream, row.version, row.sealed)
        return self.registry.decode(row.type, row.body, plain)

    async def open_keys(self, rows: Sequence[Recorded]) -> None:
        """Finds the keys of all that was sealed in these rows at once, so that decoding them asks for none."""
        events = (self.registry.decode(row.type, row.body) for row in rows if row.sealed is not None)
        await self.sealer.learn(_owner(event) for event in events if event is not None)

    async def _load_each(self, streams: Mapping[str, Fold[Any]]) -> None:
        """As `_load`, with two questions for all of them."""
        kept = await self.store.snapshot_each([stream for stream, fold in streams.items() if fold.snapshots])
        loaded = {stream: _begun(fold, kept.get(stream)) for stream, fold in streams.items()}
        for row in await self.store.stream_each({stream: version for stream, (version, _) in loaded.items()}):
            event, (_, state) = await self.decode(row), loaded[row.stream]
            loaded[row.stream] = (
                row.version,
                state if event is None else streams[row.stream].evolve(state, event, row),
            )
        for stream, (version, state) in loaded.items():
            self._remember(stream, version, state)

    async def _load(self, fold: Fold[S], stream: str) -> tuple[int, S]:
        version, state = _begun(fold, await self.store.snapshot(stream) if fold.snapshots else None)
        for row in await self.store.stream(stream, version):
            event = await self.decode(row)
            version = row.version
            if event is not None:
                state = fold.evolve(state, event, row)
        self._remember(stream, version, state)
        return version, state

    def _remember(self, stream: str, version: int, state: Any) -> None:
        if version >= self._cache.get(stream, (0, None))[0]:
            self._cache[stream] = (version, state)
            self._cache.move_to_end(stream)
        if len(self._cache) > CACHED:
            self._cache.popitem(last=False)

    def _forget(self, versions: dict[str, int]) -> None:
        for stream in versions:
            self._forget_behind(stream, versions)

    def _forget_behind(self, stream: str, versions: dict[str, int]) -> None:
        if stream in versions and self._cache.get(stream, (0, None))[0] != versions[stream]:
            self._cache.pop(stream, None)


def _begun(fold: Fold[S], kept: Snapshot | None) -> tuple[int, S]:
    """Version and state from which a stream is folded on."""
    if kept is None or kept.schema != fold.schema:
        return 0, fold.initial
    return kept.version, msgspec.msgpack.decode(kept.state, type=type(fold.initial))


def _owner(event: Event) -> str:
    named = getattr(event, event.sealed_for, None) if event.sealed_for else None
    return f"account/{named}" if named else SERVICE
