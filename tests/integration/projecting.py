"""Tables and reactions that follow a log of notes, and when they have come how far."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from eventlog.errors import Refusal
from eventlog.events import Event, Recorded
from eventlog.feed import LocalFeed
from eventlog.projection import Projection, Reaction, Rows, TableProjection, foreign
from eventlog.readers import MemoryReaders
from eventlog.store import MemoryStore
from tests.unit.projection.notes import NOTES, notes, running
from watchword.clock import boot_ns


def at_home(store: MemoryStore) -> LocalFeed:
    return LocalFeed("notes", store, MemoryReaders(), lambda: boot_ns() // 1000)


def table(pool: asyncpg.Pool, store: MemoryStore, projection: Projection = NOTES, reader: str = "a") -> TableProjection:
    return TableProjection(projection, Rows(pool, projection.name), at_home(store), reader)


async def texts(rows: Rows) -> dict[str, str]:
    return {put.key: put.value["text"] for put in (await rows.load()).rows}


@asynccontextmanager
async def reached(one: TableProjection | Reaction, position: int) -> AsyncIterator[None]:
    """Runs it; the block begins once it stands at the position."""
    async with running(one.run):
        await stands_at(one.rows, position)
        yield


async def stands_at(rows: Rows, position: int) -> None:
    async with asyncio.timeout(10):
        while (await rows.checkpoint()).position < position:
            await asyncio.sleep(0.01)


class Doing:
    """What a reaction does, and whether it can."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.refused: list[int] = []
        self.refusal: Refusal | None = None

    async def react(self, event: Event, row: Recorded) -> None:
        if self.refusal is not None:
            self.refused.append(row.position)
            raise self.refusal
        self.done.append(row.position)


def reaction(pool: asyncpg.Pool, store: MemoryStore, doing: Doing, reader: str = "a") -> Reaction:
    rows = Rows(pool, "reaction")
    return Reaction("reaction", rows, at_home(store), reader, foreign(notes), doing.react)
