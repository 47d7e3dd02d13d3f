"""Who reads a log, and how far each has come: any process knows it of the readers of all."""

import asyncio

import asyncpg

from eventlog.readers import PostgresReaders, Reader


async def test_any_process_answers_for_the_readers_of_all(pool: asyncpg.Pool) -> None:
    one, two = PostgresReaders(pool), PostgresReaders(pool)
    await one.report(Reader("policy/1", 7, 5_000_000, 1_000_000, ("note/a",)))
    await two.report(Reader("identity/1", 9, 5_000_000, 1_000_000))
    await two.report(Reader("policy/1", 6, 5_000_000, 2_000_000))
    live = {reader.name: (reader.applied, reader.parked) for reader in await one.live(2_000_000)}
    assert live == {"policy/1": (7, ()), "identity/1": (9, ())}
    assert [reader.name for reader in await two.live(6_500_000)] == ["policy/1"]


async def test_readers_that_are_long_gone_leave_no_rows(pool: asyncpg.Pool) -> None:
    readers = PostgresReaders(pool)
    for minute in range(10):
        await readers.report(Reader(f"backend/{minute}", 7, 5_000_000, minute * 60_000_001))
    assert await pool.fetchval("SELECT count(*) FROM log_readers") <= 2


async def test_a_reader_whose_report_went_with_one_that_failed_is_not_taken_for_known(pool: asyncpg.Pool) -> None:
    readers = PostgresReaders(pool)
    too_far, good = (Reader(name, applied, 5_000_000, 1_000_000) for name, applied in (("a", 2**63), ("b", 7)))
    failed, reported = await asyncio.gather(readers.report(too_far), readers.report(good), return_exceptions=True)
    assert isinstance(failed, asyncpg.DataError)
    assert reported is None
    assert await readers.live(1_000_000) == [good]
