"""Verifying recomputes the chain and names the first row that does not fit."""

from collections.abc import AsyncIterator, Sequence

import pytest

from eventlog.postgres.rows import recorded
from eventlog.verify import Checked, Misfit, Row, check, verify
from tests.harness.database import Database
from tests.harness.log import command, event
from watchword.chain import GENESIS, link

ROWS = 25


@pytest.fixture
async def log(database: Database) -> Database:
    """Streams of five versions; the last row is sealed."""
    async with database.store() as store:
        for n in range(ROWS):
            sealed = b"sealed" if n == ROWS - 1 else None
            await store.append(command(f"c{n}", {f"s/{n // 5}": n % 5}, events=(event(b'{"n":%d}' % n, sealed),)))
    return database


async def found(database: Database, after: str | None = None) -> list[Checked | Misfit]:
    """What verifying says after the owner of the machine did something to the log."""
    if after is not None:
        async with database.admin() as admin:
            await admin.execute(after)
    return [outcome async for outcome in verify(database.dsn, page_size=10)]


async def test_a_whole_log_is_verified_with_progress(log: Database) -> None:
    async with log.store() as store:
        head = await store.head()
    outcomes = await found(log)
    assert [(step.position, step.head) for step in outcomes if isinstance(step, Checked)] == [
        (0, ROWS),
        (10, ROWS),
        (20, ROWS),
        (ROWS, ROWS),
    ]
    assert isinstance(outcomes[-1], Checked)
    assert outcomes[-1].chain_hash == head.chain_hash


async def test_an_empty_log_is_whole(database: Database) -> None:
    assert [type(outcome) for outcome in await found(database)] == [Checked]


@pytest.mark.parametrize(
    ("change", "position", "fits"),
    [
        ("UPDATE eventlog.events SET body = '{}' WHERE position = 13", 13, 12),
        ("UPDATE eventlog.events SET actor = 'somebody else' WHERE position = 1", 1, 0),
        ("UPDATE eventlog.events SET time = time - interval '1 microsecond' WHERE position = 7", 7, 6),
        ("UPDATE eventlog.events SET time = 'epoch' WHERE position = 20", 20, 19),
        ("UPDATE eventlog.events SET sealed = 'changed' WHERE position = 25", 25, 24),
        ("UPDATE eventlog.events SET sealed = NULL, sealed_hash = '' WHERE position = 25", 25, 24),
        ("UPDATE eventlog.events SET sealed = 'added' WHERE position = 4", 4, 3),
        ("UPDATE eventlog.events SET chain_hash = sha256('x') WHERE position = 10", 10, 9),
        ("UPDATE eventlog.events SET version = -1 WHERE position = 10", 10, 9),
        ("UPDATE eventlog.events SET stream = 's/9' WHERE position = 6", 6, 5),
        ("DELETE FROM eventlog.events WHERE position = 12", 13, 11),
        ("DELETE FROM eventlog.events WHERE position = 1", 2, 0),
        ("DELETE FROM eventlog.events WHERE position BETWEEN 5 AND 24", 25, 4),
    ],
)
async def test_the_first_row_that_does_not_fit_is_named_after_the_last_that_does(
    log: Database, change: str, position: int, fits: int
) -> None:
    outcomes = await found(log, change)
    assert isinstance(outcomes[-1], Misfit)
    assert outcomes[-1].position == position
    assert [step.position for step in outcomes[:-1] if isinstance(step, Checked)][-1] == fits


async def test_a_version_without_the_one_before_is_named_though_the_chain_holds(log: Database) -> None:
    forged = ["'{i}'", "'{a}'", "'{c}'", "'{1}'", "'{1}'", "'{forged/1}'", "'{1}'", "'{1}'", "'{0}'", "'{1}'"]
    third = ["'{1}'", "'{3}'", "'{t}'", "'{x}'", "'{NULL}'"]
    outcomes = await found(log, f"SELECT FROM eventlog.append({', '.join(forged + third)})")
    assert outcomes[-1] == Misfit(ROWS + 1, "version 2 of its stream does not stand once before it")


async def rewritten(database: Database, change: str) -> None:
    """Changes rows, and makes every hash anew: who may write the database past its service can."""
    async with database.admin() as admin:
        await admin.execute(change)
        before = GENESIS
        for found in await admin.fetch("SELECT * FROM eventlog.events ORDER BY position"):
            before = link(before, recorded(found))
            await admin.execute(
                "UPDATE eventlog.events SET chain_hash = $2 WHERE position = $1", found["position"], before
            )


@pytest.mark.parametrize(
    ("change", "misfit"),
    [
        (
            "UPDATE eventlog.events SET time = 'epoch' WHERE position = 20",
            Misfit(20, "its time is before that of the row before"),
        ),
        (
            """UPDATE eventlog.events SET version = 9 WHERE position = 6;
               UPDATE eventlog.events SET version = 1 WHERE position = 7;
               UPDATE eventlog.events SET version = 2 WHERE position = 6""",
            Misfit(6, "version 1 of its stream does not stand once before it"),
        ),
        (
            """DROP INDEX eventlog.events_stream_version;
               UPDATE eventlog.events SET version = version - 1 WHERE position BETWEEN 8 AND 10""",
            Misfit(9, "version 2 of its stream does not stand once before it"),
        ),
    ],
    ids=["time", "order", "twice"],
)
async def test_what_no_service_writes_is_named_though_every_hash_was_made_anew(
    log: Database, change: str, misfit: Misfit
) -> None:
    await rewritten(log, "SELECT")
    assert isinstance((await found(log))[-1], Checked)
    await rewritten(log, change)
    assert (await found(log))[-1] == misfit


async def test_a_last_row_that_goes_while_the_log_is_verified_is_missed(log: Database) -> None:
    async with log.store() as store:
        rows = [Row(row, follows=True) for row in await store.read(0, ROWS)]

    async def pages() -> AsyncIterator[Sequence[Row]]:
        yield rows[:-1]

    outcomes = [outcome async for outcome in check(pages(), ROWS)]
    assert outcomes[-1] == Misfit(ROWS, "the row is missing")
