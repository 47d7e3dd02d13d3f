"""Writers that contend for the same streams, each in a process of its own."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from random import Random

import asyncpg
import msgspec

from eventlog.errors import Moved
from eventlog.events import Recorded
from eventlog.postgres import PostgresStore
from eventlog.store import Appended, Store
from tests.harness.log import command, event

STREAMS = [f"shared/{n}" for n in range(8)]
TASKS = 8


class Saw(msgspec.Struct, frozen=True):
    """What a command believed of the stream that it guarded."""

    guarded: str
    version: int


async def contend(store: Store, name: str, rounds: int) -> dict[str, Appended]:
    """Has several tasks append to the same few streams, guarding the others; answers what was acknowledged."""
    versions: Counter[str] = Counter()
    acknowledged: dict[str, Appended] = {}
    await asyncio.gather(*(_task(store, f"{name}-{n}", rounds, versions, acknowledged) for n in range(TASKS)))
    return acknowledged


async def contend_together(store: Store, name: str, rounds: int) -> dict[str, Appended]:
    """`contend` from the moment when another does so, too."""
    ready = await store.append(command(name, {name: 0}, events=(event(b'{"guarded":"none","version":0}'),)))
    await store.wait(1, timeout=60)
    return {name: ready} | await contend(store, name, rounds)


async def _task(
    store: Store, name: str, rounds: int, versions: Counter[str], acknowledged: dict[str, Appended]
) -> None:
    chance = Random(name)
    while rounds:
        stream, guarded = chance.sample(STREAMS, 2)
        expected, saw = versions[stream], Saw(guarded, versions[guarded])
        facts = (event(msgspec.json.encode(saw)),)
        id_ = f"{name}-{rounds}-{chance.random()}"
        try:
            acknowledged[id_] = await store.append(command(id_, {stream: expected}, {guarded: saw.version}, facts))
        except Moved as moved:
            versions.update({one: max(now - versions[one], 0) for one, now in moved.versions.items()})
        else:
            rounds -= 1
            versions[stream] = max(versions[stream], expected + 1)


def in_a_process(dsn: str, name: str, rounds: int) -> dict[str, Appended]:
    """`contend` with a loop, a pool and a store of its own, once two of them have said that they are there."""
    return asyncio.run(_alone(dsn, name, rounds))


async def _alone(dsn: str, name: str, rounds: int) -> dict[str, Appended]:
    async with asyncpg.create_pool(dsn, min_size=1, max_size=2) as pool, PostgresStore(dsn, pool) as store:
        return await contend_together(store, name, rounds)


def assert_guards_held(rows: Sequence[Recorded]) -> None:
    """What each command believed of the stream that it guarded was so where its event stands."""
    versions: Counter[str] = Counter()
    for row in rows:
        saw = msgspec.json.decode(row.body, type=Saw)
        assert versions[saw.guarded] == saw.version, row
        versions[row.stream] += 1


def assert_stored(rows: Sequence[Recorded], acknowledged: dict[str, Appended]) -> None:
    """Every acknowledged command stands where its answer said, once, and nothing else stands."""
    assert {row.command_id: row.position for row in rows} == {id_: at.first for id_, at in acknowledged.items()}
    assert len(rows) == len(acknowledged)
