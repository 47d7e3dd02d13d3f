"""One PostgreSQL for all integration tests; each test that asks for `database` gets a fresh one on it, migrated."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from eventlog.projection.rows import SCHEMA
from suite.databases import Server
from suite.postgres import embedded
from tests.harness.database import Database, fresh_database


@dataclass(frozen=True, slots=True)
class Cluster:
    server: Server
    data: Path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    data = tmp_path_factory.mktemp("cluster") / "data"
    async with embedded(data) as server:
        yield Cluster(server, data)


@pytest_asyncio.fixture
async def database(cluster: Cluster) -> AsyncIterator[Database]:
    """A migrated database with its running role and its owner."""
    async with fresh_database(cluster.server, cluster.data) as made:
        await made.migrate()
        yield made


@pytest_asyncio.fixture
async def other_database(cluster: Cluster) -> AsyncIterator[Database]:
    """Another service's database on the same server."""
    async with fresh_database(cluster.server, cluster.data) as made:
        await made.migrate()
        yield made


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    """Connections of a service's running role."""
    await database.migrate([SCHEMA])
    async with database.pool(12) as pool:
        yield pool
