"""`python -m bench.growth.partitions DIR`: would the log's table be better off in partitions by position?

DIR holds a filled suite that does not run. Token's log is copied into a table of partitions, and the same appends go to
each: new streams only, and new streams with guards on old ones as a refresh has them.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import psutil

from bench.growth.history import name_of
from eventlog.postgres import PostgresStore
from eventlog.store import Command, Guard, NewEvent, Write
from suite.place import Place
from suite.postgres import embedded

APPENDS = 6000
GUARDS = 4
BODY = b'{"note":"' + b"x" * 300 + b'"}'


async def main(data: Path, partitions: Sequence[int]) -> None:
    """The table as it is, then in so many partitions, each with the server's pages written out before."""
    async with embedded(data) as server:
        admin = await asyncpg.connect(server.on("token").dsn)
        dsn = (Place(data).secrets / "token.dsn").read_text()
        streams = await _some(admin)
        print("| table | guards on old streams | µs CPU of PostgreSQL an event | WAL bytes an event |\n|-|-|-|-|")
        for settings in ("off", "on"):
            await admin.execute(f"ALTER SYSTEM SET wal_compression = {settings}")
            await admin.execute("SELECT pg_reload_conf()")
            await _both(admin, dsn, streams, f"one, wal_compression {settings}")
        await admin.execute("ALTER SYSTEM RESET wal_compression")
        await admin.execute("SELECT pg_reload_conf()")
        for count in partitions:
            await admin.execute("ALTER TABLE eventlog.events RENAME TO plain")
            try:
                await _partitioned(admin, count)
                await _both(admin, dsn, streams, f"{count} partitions")
            finally:
                await admin.execute("DROP TABLE eventlog.events; ALTER TABLE eventlog.plain RENAME TO events")
        await admin.close()


async def _some(admin: asyncpg.Connection) -> list[tuple[str, int]]:
    rows = await admin.fetch(
        """SELECT stream, max(version) AS version FROM eventlog.events
           WHERE stream IN (SELECT stream FROM eventlog.events TABLESAMPLE SYSTEM (2)) GROUP BY stream"""
    )
    return [(row["stream"], row["version"]) for row in rows]


async def _partitioned(admin: asyncpg.Connection, count: int) -> None:
    head = await admin.fetchval("SELECT max(position) FROM eventlog.plain")
    size = head // (count - 1)
    await admin.execute(
        """SET ROLE token_owner;
           CREATE TABLE eventlog.events (LIKE eventlog.plain) PARTITION BY RANGE (position)"""
    )
    for number in range(count):
        first, last = number * size + 1, (number + 1) * size + 1
        bounds = f"FROM ({first}) TO ({last if number + 1 < count else 'MAXVALUE'})"
        await admin.execute(f"CREATE TABLE eventlog.part{number} PARTITION OF eventlog.events FOR VALUES {bounds}")
    await admin.execute("INSERT INTO eventlog.events SELECT * FROM eventlog.plain", timeout=3600)
    await admin.execute(
        """ALTER TABLE eventlog.events ADD PRIMARY KEY (position);
           CREATE INDEX ON eventlog.events (stream, version);
           GRANT SELECT ON eventlog.events TO token;
           RESET ROLE; ANALYZE eventlog.events"""
    )


async def _both(admin: asyncpg.Connection, dsn: str, streams: list[tuple[str, int]], what: str) -> None:
    for guards in (0, GUARDS):
        await admin.execute("CHECKPOINT")
        cpu, wal = await _appended(admin, dsn, streams, guards)
        print(f"| {what} | {guards} | {cpu:.0f} | {wal:.0f} |", flush=True)


async def _appended(
    admin: asyncpg.Connection, dsn: str, streams: list[tuple[str, int]], guards: int
) -> tuple[float, float]:
    stamp, where = time.time_ns(), "SELECT pg_current_wal_insert_lsn() - '0/0'"
    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=1)
    async with PostgresStore(dsn, pool) as store:

        async def one(number: int) -> None:
            stream = f"family/{name_of('fam', stamp + number, 12)}"  # among the old ones in the index
            seen = {Guard(*streams[(number * 7919 + n * 104_729) % len(streams)]) for n in range(guards)}
            write = Write(stream, 0, [NewEvent("watchword.token.bench.grew.v1", BODY, None)])
            await store.append(Command(f"{stamp}{number}", "bench", "bench", [write], list(seen)))

        async def many(numbers: range) -> None:
            for number in numbers:
                await one(number)

        await asyncio.gather(*(many(range(first, 320, 64)) for first in range(64)))
        writer = psutil.Process(await _backend(admin))
        before, wal = sum(writer.cpu_times()[:2]), await admin.fetchval(where)
        await asyncio.gather(*(many(range(320 + first, 320 + APPENDS, 64)) for first in range(64)))
        spent, wal = sum(writer.cpu_times()[:2]) - before, await admin.fetchval(where) - wal
    await pool.close()
    return spent * 1e6 / APPENDS, float(wal) / APPENDS


async def _backend(admin: asyncpg.Connection) -> int:
    query = "SELECT pid FROM pg_stat_activity WHERE application_name = 'eventlog writer' AND datname = 'token'"
    return int(await admin.fetchval(query))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), [int(count) for count in sys.argv[2:]]))
