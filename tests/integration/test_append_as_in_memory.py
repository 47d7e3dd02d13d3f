"""Whatever is sent at once, PostgreSQL decides as the store in memory does, and stores the same rows."""

import asyncio
from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventlog.errors import Moved
from eventlog.postgres import PostgresStore
from eventlog.store import Appended, Command, Guard, MemoryStore, Store, Write
from tests.harness.database import Database
from tests.harness.log import assert_chained, event, everything

STREAMS = ["a/1", "b/1", "c/1", "d/1"]

_versions = st.integers(0, 3)
_events = st.lists(st.sampled_from([event(), event(b'{"n":1}', b"sealed")]), min_size=1, max_size=2)


@st.composite
def commands(draw: st.DrawFn) -> Command:
    """A command with few streams, low versions and few ids, so that they collide."""
    streams = draw(st.lists(st.sampled_from(STREAMS), min_size=1, max_size=3, unique=True))
    writing = draw(st.integers(1, len(streams)))
    return Command(
        id=draw(st.sampled_from([f"c{n}" for n in range(12)])),
        actor="test",
        correlation_id="a-test",
        writes=[Write(stream, draw(_versions), draw(_events)) for stream in streams[:writing]],
        guards=[Guard(stream, draw(_versions)) for stream in streams[writing:]],
    )


async def answers(store: Store, batches: Sequence[Sequence[Command]]) -> list[tuple[int, int] | str]:
    """Positions or "moved", for every command of every batch; a batch is sent at once."""
    found: list[tuple[int, int] | str] = []
    for batch in batches:
        told = await asyncio.gather(*(store.append(one) for one in batch), return_exceptions=True)
        for one in told:
            assert isinstance(one, Appended | Moved)
            found.append("moved" if isinstance(one, Moved) else (one.first, one.last))
    return found


def renamed(command: Command, example: int) -> Command:
    """The command on streams of this example's own."""
    return Command(
        id=f"{example}/{command.id}",
        actor=command.actor,
        correlation_id=command.correlation_id,
        writes=[Write(f"{example}/{write.stream}", write.expected, write.events) for write in command.writes],
        guards=[Guard(f"{example}/{guard.stream}", guard.version) for guard in command.guards],
    )


async def test_postgresql_decides_as_memory_does(database: Database) -> None:
    loop = asyncio.get_running_loop()
    async with database.store() as store:
        memory = MemoryStore()
        number = iter(range(10_000))

        @settings(max_examples=60, suppress_health_check=list(HealthCheck))
        @given(st.lists(st.lists(commands(), min_size=1, max_size=8), min_size=1, max_size=5))
        def agree(batches: list[list[Command]]) -> None:
            example = next(number)
            mine = [[renamed(one, example) for one in batch] for batch in batches]
            asyncio.run_coroutine_threadsafe(both_agree(memory, store, mine), loop).result(30)

        await asyncio.to_thread(agree)
        rows = await everything(store)
    assert_chained(rows)


async def both_agree(memory: MemoryStore, store: PostgresStore, batches: Sequence[Sequence[Command]]) -> None:
    expected, found = await answers(memory, batches), await answers(store, batches)
    assert found == expected
    assert (await store.head()).position == len(memory.rows)
    for mine, theirs in zip(await everything(store), memory.rows, strict=True):
        assert (mine.stream, mine.version, mine.body, mine.sealed, mine.sealed_hash, mine.command_id) == (
            theirs.stream,
            theirs.version,
            theirs.body,
            theirs.sealed,
            theirs.sealed_hash,
            theirs.command_id,
        )
