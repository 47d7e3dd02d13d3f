"""The end of registrations that nobody uses, by two processes of token on one real database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
import msgspec
import pytest

from chassis.kept import MemoryKept
from eventlog.feed import LocalFeed
from eventlog.log import By, Log
from eventlog.postgres import PostgresSealKeys, PostgresStore
from eventlog.projection import Rows, TableProjection
from eventlog.projection.parked import Parked
from eventlog.projection.rows import SCHEMA
from eventlog.readers import PostgresReaders
from eventlog.sealing import Sealer, Wrapping
from services.token.adapters.vault import EncryptedVault, MemoryWrappedKeys
from services.token.commands.clients import register_client
from services.token.commands.self_registration import end_unused
from services.token.domain.client import CLIENT, Client
from services.token.domain.events import events
from services.token.ports import Proving, Token
from services.token.projections import CLIENTS
from tests.harness.database import Database
from tests.unit.projection.notes import running

BY = By("service/token", "test")
GUEST = Client(
    grant_types=("authorization_code",), redirect_uris=("https://a.example/",), self_registered=True, scopes=("openid",)
)
PATIENCE = 20.0


def token_on(pool: asyncpg.Pool, store: PostgresStore, now: int) -> Token:
    log = Log(store, events, Sealer(Wrapping(bytes(32)), PostgresSealKeys(pool)), lambda: now)
    vault = EncryptedVault(Wrapping(bytes(32)), MemoryWrappedKeys())
    kept = MemoryKept(lambda: now)
    return Token(log, vault, "https://id.example", lambda: 0, Parked(frozenset()), kept, Proving())


@pytest.fixture
async def two(database: Database) -> AsyncIterator[list[tuple[Token, Rows]]]:
    """Two processes, each with its own pool and its own writer, and the table that both read."""
    await database.migrate([SCHEMA])
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(2):
            pool = await stack.enter_async_context(database.pool())
            store = await stack.enter_async_context(PostgresStore(database.dsn, pool))
            now = (await store.head()).now
            made.append((token_on(pool, store, now), Rows(pool, CLIENTS.name)))
        yield made


async def test_two_processes_end_what_is_due_once_and_nothing_else(two: list[tuple[Token, Rows]]) -> None:
    (token, rows), (other, _) = two
    now = token.log.now()
    for name, until in (("due-1", now - 2), ("due-2", now - 1), ("later", now + 10**9), ("for-ever", 0)):
        await register_client(token, msgspec.structs.replace(GUEST, id=name, unused_until=until), BY)
    head = await token.log.store.head()
    feed = LocalFeed("token", token.log.store, PostgresReaders(rows.pool), lambda: now)
    table = TableProjection(CLIENTS, rows, feed, "token/test")
    async with running(table.run), asyncio.timeout(PATIENCE):
        while (await rows.checkpoint()).position < head.position:
            await asyncio.sleep(0.01)
        assert await rows.overdue("unused", now, "", 1) == ["due-1"]
        assert await rows.overdue("unused", now, "due-1", 9) == ["due-2"]
        await asyncio.gather(*(end_unused(one, its, BY, now) for one, its in two))
        said = [row.type for row in await token.log.store.read(head.position, 100, 1 << 20)]
        assert said == ["watchword.token.client.revoked.v1", "watchword.token.client.deleted.v1"] * 2
        while await rows.overdue("unused", now, "", 9):
            await asyncio.sleep(0.01)
    assert [(await other.log.fresh(CLIENT, name)).known for name in ("due-1", "due-2", "later", "for-ever")] == [
        *(False, False, True, True)
    ]
