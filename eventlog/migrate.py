"""Brings a service's database to what this release needs. The running role gets no more than it uses."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import asyncpg

OLDEST = 15
_LOCK = 7310863912
_HERE = Path(__file__).parent
_SCHEMA = _HERE / "schema.sql"
PROJECTIONS = (_HERE / "projection" / "projection.sql").read_text()
RELAY = (_HERE / "relay" / "relay.sql").read_text()
"""What a service with projections, and with a relay, has besides."""

_TABLE = """
CREATE SCHEMA IF NOT EXISTS eventlog;
CREATE TABLE IF NOT EXISTS eventlog.migrations (
    name text PRIMARY KEY,
    digest text NOT NULL,
    applied timestamptz NOT NULL DEFAULT clock_timestamp()
);
"""
_RECORD = """
INSERT INTO eventlog.migrations (name, digest) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, applied = clock_timestamp()
"""
_GRANTS = (
    "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
    "GRANT CONNECT ON DATABASE {database} TO {role}",
    "GRANT USAGE ON SCHEMA eventlog, public TO {role}",
    "GRANT SELECT ON eventlog.events, eventlog.log_id, eventlog.readable TO {role}",
    "GRANT EXECUTE ON FUNCTION eventlog.append, eventlog.sweep_snapshots TO {role}",
    "GRANT SELECT, INSERT, DELETE ON eventlog.seal_keys TO {role}",
    "GRANT SELECT, INSERT, UPDATE ON eventlog.snapshots TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
)


async def migrate(owner_dsn: str, running_role: str, extra_schema: Sequence[str] = ()) -> None:
    """Applies the log's schema and a service's own, in one transaction, and grants the running role what it needs.

    A text of `extra_schema` makes tables in `public`. It is applied when it is new or has changed, so it is written to
    be applied over any earlier form of itself (`CREATE TABLE IF NOT EXISTS`, `ADD COLUMN IF NOT EXISTS`). Several
    processes may call this at once. Raises OSError or asyncpg.PostgresError where the database refuses,
    or is older than PostgreSQL 15.
    """
    connection = await asyncpg.connect(owner_dsn, timeout=10)
    try:
        refuse_old(connection.get_server_version().major)
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            await connection.execute(_TABLE)
            await _apply(connection, "eventlog", _SCHEMA.read_text())
            for number, text in enumerate(extra_schema, 1):
                await _apply(connection, f"service/{number}", text)
            await _grant(connection, running_role)
    finally:
        await connection.close(timeout=5)


def refuse_old(major: int) -> None:
    """Raises asyncpg.FeatureNotSupportedError for a PostgreSQL that this release does not run on."""
    if major < OLDEST:
        raise asyncpg.FeatureNotSupportedError(f"it is PostgreSQL {major}, and {OLDEST} or newer is needed")


async def _apply(connection: asyncpg.Connection, name: str, text: str) -> None:
    digest = sha256(text.encode()).hexdigest()
    applied = await connection.fetchval("SELECT digest FROM eventlog.migrations WHERE name = $1", name)
    if applied != digest:
        await connection.execute(text)
        await connection.execute(_RECORD, name, digest)


async def _grant(connection: asyncpg.Connection, running_role: str) -> None:
    database = await connection.fetchval("SELECT quote_ident(current_database())")
    role = await connection.fetchval("SELECT quote_ident($1)", running_role)
    for grant in _GRANTS:
        await connection.execute(grant.format(database=database, role=role))
