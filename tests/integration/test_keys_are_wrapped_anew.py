"""A key-encryption key is replaced: every stored key is wrapped anew, and the former one then opens nothing."""

import asyncio
import base64
import sys
from pathlib import Path

import asyncpg
import pytest

from eventlog.postgres import SEAL_KEYS, PostgresSealKeys, WrappedTable, rewrap
from eventlog.sealing import Sealer, Wrapping
from services.token.adapters.vault import KEYS, EncryptedVault, PostgresWrappedKeys
from services.token.migrate import SCHEMA
from tests.harness.database import Database
from tests.integration.test_process import environment

OLD, NEW = bytes(32), bytes(range(32))
PAGES = 2_100


async def renewed(database: Database, table: WrappedTable) -> int:
    """How many keys of a table were wrapped anew."""
    connection = await asyncpg.connect(database.owner_dsn)
    try:
        return await rewrap(connection, table, Wrapping(NEW, OLD))
    finally:
        await connection.close()


async def test_after_it_the_new_key_opens_all_and_the_former_one_nothing(database: Database) -> None:
    await database.migrate(SCHEMA)
    async with database.pool() as pool:
        sealed = await Sealer(Wrapping(OLD), PostgresSealKeys(pool)).seal("account/1", "session/1", 1, b"a name")
        await EncryptedVault(Wrapping(OLD), PostgresWrappedKeys(pool)).keep("k", "signing", b"private")
        assert (await renewed(database, SEAL_KEYS), await renewed(database, KEYS)) == (1, 1)
        sealer = Sealer(Wrapping(NEW), PostgresSealKeys(pool))
        assert await sealer.open("account/1", "session/1", 1, sealed) == b"a name"
        assert await EncryptedVault(Wrapping(NEW), PostgresWrappedKeys(pool)).secret("k", "signing") == b"private"
        with pytest.raises(ValueError, match="key-encryption key"):
            await Sealer(Wrapping(OLD), PostgresSealKeys(pool)).secret("account/1")
        with pytest.raises(ValueError, match="key-encryption key"):
            await EncryptedVault(Wrapping(OLD), PostgresWrappedKeys(pool)).secret("k", "signing")


async def test_page_after_page_and_a_second_time_finds_nothing_to_do(database: Database) -> None:
    names = [f"account/{number}" for number in range(PAGES)]
    async with database.pool() as pool:
        wrapped = [(name, Wrapping(OLD).wrap(name, name.encode())) for name in names]
        await pool.executemany("INSERT INTO eventlog.seal_keys VALUES ($1, $2)", wrapped)
        assert await renewed(database, SEAL_KEYS) == PAGES
        found = await pool.fetch("SELECT owner, wrapped FROM eventlog.seal_keys")
    assert {row["owner"]: Wrapping(NEW).unwrap(*row) for row in found} == {name: name.encode() for name in names}
    assert await renewed(database, SEAL_KEYS) == 0


async def test_the_running_role_cannot_put_one_key_for_another(database: Database) -> None:
    async with database.pool() as pool:
        await Sealer(Wrapping(OLD), PostgresSealKeys(pool)).secret("account/1")
        async with pool.acquire() as connection:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await rewrap(connection, SEAL_KEYS, Wrapping(NEW, OLD))


def lines(*keys: bytes) -> str:
    return "".join(base64.urlsafe_b64encode(key).decode() + "\n" for key in keys)


async def commanded(database: Database, directory: Path, *keys: bytes) -> tuple[int | None, str]:
    """`python -m services.… rewrap` with these keys in its file: the exit code, and what it said."""
    told = environment(directory, DATABASE=database.dsn, OWNER_DATABASE=database.owner_dsn)
    (directory / "kek").write_text(lines(*keys))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.tiny_service", "rewrap"),
        env=told,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(30):
        said, _ = await process.communicate()
    return process.returncode, said.decode()


async def test_a_command_does_it_and_says_how_many(database: Database, tmp_path: Path) -> None:
    async with database.pool() as pool:
        secret = await Sealer(Wrapping(OLD), PostgresSealKeys(pool)).secret("account/1")
        code, said = await commanded(database, tmp_path, NEW)
        assert code == 1
        assert "account/1 does not open" in said
        assert await commanded(database, tmp_path, NEW, OLD) == (
            0,
            "tiny: 1 keys wrapped anew by the first key-encryption key\n",
        )
        assert await Sealer(Wrapping(NEW), PostgresSealKeys(pool)).secret("account/1") == secret
