"""What the database lets each role do: a running service reads events and appends; nobody changes what is written."""

from urllib.parse import urlsplit

import asyncpg
import pytest

from eventlog.migrate import migrate
from eventlog.postgres import PostgresStore
from tests.harness.database import Database
from tests.harness.log import command, everything

FORBIDDEN = [
    "UPDATE eventlog.events SET body = '{}'",
    "DELETE FROM eventlog.events",
    "TRUNCATE eventlog.events",
    "INSERT INTO eventlog.events SELECT * FROM eventlog.events",
    "ALTER TABLE eventlog.events ADD COLUMN more text",
    "ALTER TABLE eventlog.events DISABLE TRIGGER ALL",
    "DROP TABLE eventlog.events",
    "DROP SCHEMA eventlog CASCADE",
    "SELECT FROM eventlog.events FOR UPDATE",
    "CREATE TABLE eventlog.mine (a int)",
    "CREATE TABLE public.mine (a int)",
    "CREATE TEMPORARY TABLE events (a int)",
    "CREATE OR REPLACE VIEW eventlog.readable AS SELECT 1",
    "ALTER FUNCTION eventlog.append RESET ALL",
    "DROP FUNCTION eventlog.append",
    "UPDATE eventlog.log_id SET id = gen_random_uuid()",
    "DELETE FROM eventlog.log_id",
    "UPDATE eventlog.seal_keys SET wrapped = ''",
    "DELETE FROM eventlog.snapshots",
    "DELETE FROM eventlog.migrations",
    "SET ROLE {role}_owner",
    "COPY eventlog.events TO PROGRAM 'true'",
]


@pytest.fixture
async def running(database: Database) -> None:
    async with database.store() as store:
        await store.append(command("c", {"a/1": 0}))


@pytest.mark.usefixtures("running")
async def test_the_running_role_cannot_change_what_is_written(database: Database) -> None:
    async with database.store() as store, database.pool() as pool:
        before = await everything(store)
        for statement in FORBIDDEN:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await pool.execute(statement.replace("{role}", database.role))
        assert await everything(store) == before


async def test_a_role_reaches_no_other_services_database(database: Database, other_database: Database) -> None:
    name = other_database.role
    for dsn in (database.dsn, database.owner_dsn):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await asyncpg.connect(dsn.replace(f"/{database.role}?", f"/{name}?"))


async def test_appending_is_for_the_running_role_alone(database: Database, other_database: Database) -> None:
    async with database.admin() as admin:
        allowed = "SELECT has_function_privilege($1, oid, 'EXECUTE') FROM pg_proc WHERE proname = 'append'"
        assert await admin.fetchval(allowed, database.role)
        assert not await admin.fetchval(allowed, other_database.role)


async def test_append_runs_as_the_owner_with_a_path_of_its_own(database: Database) -> None:
    async with database.admin() as admin:
        row = await admin.fetchrow(
            "SELECT prosecdef, proconfig, pg_get_userbyid(proowner) AS owner FROM pg_proc WHERE proname = 'append'"
        )
    assert row is not None
    assert (row["prosecdef"], row["owner"]) == (True, f"{database.role}_owner")
    assert "search_path=pg_catalog, pg_temp" in row["proconfig"]


async def test_append_refuses_a_snapshot_from_before_its_lock(database: Database) -> None:
    empty = ", ".join(["'{}'"] * 15)
    async with database.pool() as pool, pool.acquire() as connection:
        for isolation in ("repeatable_read", "serializable"):
            with pytest.raises(asyncpg.RaiseError, match="READ COMMITTED"):
                async with connection.transaction(isolation=isolation):
                    await connection.execute(f"SELECT eventlog.append({empty})")


async def test_the_log_is_readable_in_psql(database: Database) -> None:
    async with database.store() as store, database.pool() as pool:
        await store.append(command("c", {"account/1": 0}))
        row = await pool.fetchrow("SELECT *, body->>'x' AS x FROM eventlog.readable")
        head = await store.head()
    assert row is not None
    assert (row["position"], row["stream"], row["type"], row["body"], row["hash"]) == (
        1,
        "account/1",
        "watchword.test.happened.v1",
        "{}",
        head.chain_hash.hex(),
    )


async def test_a_second_migration_changes_nothing_and_a_new_text_is_applied(database: Database) -> None:
    table = "CREATE TABLE IF NOT EXISTS accounts (id text PRIMARY KEY);"
    async with database.store() as store, database.pool() as pool:
        await store.append(command("c", {"a/1": 0}))
        log_id = await store.log_id()
        await database.migrate([table])
        await pool.execute("INSERT INTO accounts VALUES ('acc_1')")
        await database.migrate([table])
        await database.migrate([table + "ALTER TABLE accounts ADD COLUMN IF NOT EXISTS name text;"])
        assert [tuple(row) for row in await pool.fetch("SELECT id, name FROM accounts")] == [("acc_1", None)]
        assert (await store.log_id(), len(await everything(store))) == (log_id, 1)


async def test_a_schema_that_fails_leaves_nothing_behind(database: Database) -> None:
    with pytest.raises(asyncpg.PostgresSyntaxError):
        await migrate(database.owner_dsn, database.role, ["CREATE TABLE half (id int);", "CREATE NONSENSE"])
    async with database.admin() as admin:
        assert await admin.fetchval("SELECT to_regclass('public.half')") is None


async def test_an_owner_has_what_its_database_gives_to_owners_on_every_version(database: Database) -> None:
    inherits = "SELECT rolinherit FROM pg_roles WHERE rolname = $1"
    async with database.admin() as admin:
        assert await admin.fetchval(inherits, f"{database.role}_owner"), (
            "else PostgreSQL 15 denies it the schema public"
        )
        assert not await admin.fetchval(inherits, database.role)


async def test_another_running_role_takes_turns_with_the_first(database: Database) -> None:
    other = f"{database.role}_b"
    async with database.store() as store, database.admin() as admin:
        await store.append(command("c", {"a/1": 0}))
        await admin.execute(f"CREATE ROLE {other} LOGIN NOINHERIT PASSWORD 'another'")
        await migrate(database.owner_dsn, other)
        dsn = database.dsn.replace(f"//{database.role}:", f"//{other}:").replace(password(database.dsn), "another", 1)
        async with asyncpg.create_pool(dsn, min_size=0, max_size=2) as pool, PostgresStore(dsn, pool) as second:
            await second.append(command("d", {"a/1": 1}))
            await store.append(command("e", {"a/1": 2}))
            assert [row.command_id for row in await everything(second)] == ["c", "d", "e"]
        await admin.execute(f"DROP OWNED BY {other}; DROP ROLE {other}")


def password(dsn: str) -> str:
    return str(urlsplit(dsn).password)
