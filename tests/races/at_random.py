"""The same races on a real database: a sample of its schedules, made by random delays from a seed."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from importlib.resources import files
from random import Random
from typing import Any, TypeVar

from eventlog.events import Recorded
from eventlog.store import Appended, Command, Guard, Head, Snapshot, Store
from services.token.adapters.vault import PostgresWrappedKeys
from tests.harness.database import Database
from tests.races.explore import Operation, Race
from tests.races.history import History
from tests.races.stage import Stage
from tests.races.steps import Step
from tests.unit.token.world import SetClock

T = TypeVar("T")
LONGEST = 0.002


class Delays:
    """How long things take; no time at all outside of a race."""

    def __init__(self) -> None:
        self.chance: Random | None = None

    async def pass_by(self) -> None:
        """Half of the time nothing, else up to the longest."""
        if self.chance is not None:
            await asyncio.sleep(max(0.0, self.chance.uniform(-LONGEST, LONGEST)))

    async def around(self, asking: Callable[[], Awaitable[T]]) -> T:
        await self.pass_by()
        try:
            return await asking()
        finally:
            await self.pass_by()


class DelayedStore:
    """A store whose requests and answers take their time."""

    def __init__(self, store: Store, delays: Delays) -> None:
        self._store, self._around = store, delays.around

    async def append(self, command: Command) -> Appended:
        return await self._around(lambda: self._store.append(command))

    async def moved(self, guards: Sequence[Guard]) -> dict[str, int]:
        return await self._around(lambda: self._store.moved(guards))

    async def stream(self, stream: str, after: int = 0) -> list[Recorded]:
        return await self._around(lambda: self._store.stream(stream, after))

    async def stream_each(self, after: Mapping[str, int]) -> list[Recorded]:
        return await self._around(lambda: self._store.stream_each(after))

    async def read(self, after: int, limit: int, max_bytes: int = 1_000_000) -> list[Recorded]:
        return await self._around(lambda: self._store.read(after, limit, max_bytes))

    async def head(self) -> Head:
        return await self._around(self._store.head)

    async def wait(self, after: int, timeout: float) -> None:
        await self._store.wait(after, timeout)

    def tell(self, grown: Callable[[int], None]) -> AbstractContextManager[None]:
        return self._store.tell(grown)

    async def snapshot(self, stream: str) -> Snapshot | None:
        return await self._around(lambda: self._store.snapshot(stream))

    async def snapshot_each(self, streams: Sequence[str]) -> dict[str, Snapshot]:
        return await self._around(lambda: self._store.snapshot_each(streams))

    async def keep_snapshot(self, stream: str, snapshot: Snapshot) -> None:
        await self._around(lambda: self._store.keep_snapshot(stream, snapshot))


class WallClock(SetClock):
    """The time that the database on this machine has, too."""

    def now(self) -> int:
        return time.time_ns() // 1000


@asynccontextmanager
async def on_postgresql(database: Database) -> AsyncIterator[tuple[Stage, Delays]]:
    """Token in two processes, a writer each, on a database of its own."""
    await database.migrate([files("services.token").joinpath("schema.sql").read_text()])
    delays = Delays()
    async with database.pool() as pool, database.store() as one, database.store() as two:
        stores: dict[str, Store] = {"a": DelayedStore(one, delays), "b": DelayedStore(two, delays)}
        yield Stage(stores, PostgresWrappedKeys(pool), WallClock()), delays


async def run_at_random(race: Race, delays: Delays, chance: Random) -> None:
    """One schedule: operations begin when they like, and so does the database answer."""
    steps: list[Step] = []
    delays.chance = chance
    answers = await asyncio.gather(*(_call(name, one, steps, delays) for name, one in race.operations.items()))
    delays.chance = None
    await race.check(History(dict(zip(race.operations, answers, strict=True)), steps))


async def _call(name: str, operation: Operation, steps: list[Step], delays: Delays) -> Any:
    await delays.pass_by()
    steps.append(Step(name, set(), set(), began=True))
    try:
        return await operation.call()
    except Exception as error:  # noqa: BLE001 - the check judges what was raised
        return error
    finally:
        steps.append(Step(name, set(), set(), ended=True))
