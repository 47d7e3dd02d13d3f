"""One PostgreSQL for all integration tests; each test that asks for `database` gets a fresh one on it, migrated."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from eventlog.projection.rows import SCHEMA
from services.policy.migrate import SCHEMA as POLICY
from services.policy.projections import AccountRegistered
from suite.databases import Server
from suite.postgres import embedded
from tests.harness.database import Database, fresh_database
from tests.integration.policy_suite import ADMIN, SUITE, Policy, Suite, policy_suite
from watchword.policy.v1 import policy_pb2 as pb


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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Suite]:
    async with fresh_database(cluster.server, cluster.data) as database:
        await database.migrate(POLICY)
        async with policy_suite(database, tmp_path_factory.mktemp("policy")) as suite:
            yield suite


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def policy(suite: Suite) -> Policy:
    """A process, in whose suite acc_admin is the first administrator."""
    await suite.identity.up()
    await suite.token.up()
    await suite.identity.says(AccountRegistered(account_id=ADMIN), f"account/{ADMIN}")
    policy = await suite.start()
    async with suite.caller(policy, "operator/admin") as operator:
        request = pb.CreateFirstAdministratorRequest(account_id=ADMIN)
        await operator.policy.CreateFirstAdministrator(request, wait_for_ready=True)
        await operator.until("allowed", f"account/{ADMIN}", "policy.role.assign", resource=SUITE)
    return policy
