"""Commands in short, and what must be true of every log."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise

from eventlog.events import Recorded
from eventlog.store import Command, Guard, NewEvent, Store, Write
from watchword.chain import GENESIS, link


def event(body: bytes = b"{}", sealed: bytes | None = None) -> NewEvent:
    return NewEvent("watchword.test.happened.v1", body, sealed)


def command(
    id_: str,
    writes: Mapping[str, int],
    guards: Mapping[str, int] | None = None,
    events: Sequence[NewEvent] = (event(),),
) -> Command:
    """A command that adds the same events to each stream, at the version that it expects; guards likewise."""
    return Command(
        id=id_,
        actor="test",
        correlation_id="a-test",
        writes=[Write(stream, expected, events) for stream, expected in writes.items()],
        guards=[Guard(stream, version) for stream, version in (guards or {}).items()],
    )


async def everything(store: Store) -> list[Recorded]:
    """The whole log, page by page."""
    rows: list[Recorded] = []
    while page := await store.read(len(rows), 500):
        rows += page
    return rows


def assert_sound(rows: Sequence[Recorded]) -> None:
    """A whole chain, with each command's events together and once."""
    assert_chained(rows)
    runs = [command_id for command_id, _ in groupby(rows, key=lambda row: row.command_id)]
    assert len(runs) == len(set(runs))


def assert_chained(rows: Sequence[Recorded]) -> None:
    """Gap-free, versions of each stream in order, time monotone, every hash as RULES 1 has it."""
    assert [row.position for row in rows] == list(range(1, len(rows) + 1))
    versions: Counter[str] = Counter()
    chain_hash = GENESIS
    for row in rows:
        versions[row.stream] += 1
        assert row.version == versions[row.stream], row
        chain_hash = link(chain_hash, row)
        assert row.chain_hash == chain_hash, row
    assert all(before.time <= after.time for before, after in pairwise(rows))
