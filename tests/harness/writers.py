"""Writers that contend for the same streams, each in a process of its own."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import asyncpg
import msgspec

from eventlog.errors import Moved
from eventlog.events import Recorded
from eventlog.postgres import PostgresStore
from eventlog.store import Appended, Store
from tests.harness.log import command, event

STREAMS = 3
TASKS = 8


class Saw(msgspec.Struct, frozen=True):
    """What a command believed of the stream that it guarded."""

    guarded: str
    version: int


async def contend(store: Store, name: str, rounds: int) -> dict[str, Appended]:
    """Has several tasks append to the same few streams, guarding the others; answers what was acknowledged."""
    versions: Counter[str] = Counter()
    acknowledged: dict[str, Appended] = {}
    await asyncio.gather(
        *(_write(store, f"{name}-{n}-{r}", n + r, versions, acknowledged) for n in range(TASKS) for r in range(rounds))
    )
    return acknowledged


async def _write(store: Store, id_: str, n: int, versions: Counter[str], acknowledged: dict[str, Appended]) -> None:
    stream, guarded = f"shared/{n % STREAMS}", f"shared/{(n + 1) % STREAMS}"
    while id_ not in acknowledged:
        saw = Saw(guarded, versions[guarded])
        expected = versions[stream]
        facts = (event(msgspec.json.encode(saw)),)
        try:
            answer = await store.append(command(id_, {stream: expected}, {guarded: saw.version}, facts))
        except Moved as moved:
            versions.update({name: max(now - versions[name], 0) for name, now in moved.versions.items()})
        else:
            versions[stream] = max(versions[stream], expected + 1)
            acknowledged[id_] = answer


def in_a_process(dsn: str, name: str, rounds: int) -> dict[str, Appended]:
    """`contend` with a loop, a pool and a store of its own, from the moment that the log has its first event."""
    return asyncio.run(_alone(dsn, name, rounds))


async def _alone(dsn: str, name: str, rounds: int) -> dict[str, Appended]:
    async with asyncpg.create_pool(dsn, min_size=1, max_size=2) as pool, PostgresStore(dsn, pool) as store:
        await store.wait(0, timeout=60)
        return await contend(store, name, rounds)


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
