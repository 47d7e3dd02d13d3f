"""The clockwork of a running token ends what registered itself and was given no token in time (RFC 7592 2.3)."""

import asyncio
import secrets
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from chassis.kept import MemoryKept
from eventlog.log import By, Log
from eventlog.postgres import PostgresSealKeys, PostgresStore
from eventlog.projection.parked import Parked
from eventlog.sealing import Sealer, Wrapping
from services.token.adapters.vault import EncryptedVault, MemoryWrappedKeys
from services.token.commands.clients import register_client
from services.token.domain.client import Client
from services.token.domain.events import events
from services.token.ports import Proving, Token
from tests.harness.calls import refused
from tests.harness.running import PATIENCE, Running
from watchword.token.v1 import token_pb2, token_pb2_grpc

pytestmark = pytest.mark.over("feed")


@pytest_asyncio.fixture
async def beside(suite: Running) -> AsyncIterator[Token]:
    """A writer beside token, to whom the days are nothing. It seals and encrypts nothing."""
    dsn = (suite.place.secrets / "token.dsn").read_text().strip()
    async with asyncpg.create_pool(dsn) as pool, PostgresStore(dsn, pool) as store:
        now = (await store.head()).now
        log = Log(store, events, Sealer(Wrapping(bytes(32)), PostgresSealKeys(pool)), lambda: now)
        vault, kept = EncryptedVault(Wrapping(bytes(32)), MemoryWrappedKeys()), MemoryKept(lambda: now)
        yield Token(log, vault, suite.contract.issuer, lambda: 0, Parked(frozenset()), kept, Proving())


async def registered_itself(token: Token, unused_until: int) -> str:
    client = Client(
        id=f"guest-{secrets.token_hex(6)}",
        confidential=False,
        grant_types=("authorization_code",),
        redirect_uris=("https://a.example/",),
        self_registered=True,
        unused_until=unused_until,
    )
    return (await register_client(token, client, By("registration/open", "test"))).client.id


async def test_a_process_that_starts_ends_those_whose_time_is_over(suite: Running, beside: Token) -> None:
    over = await registered_itself(beside, beside.log.now() - 1)
    later = await registered_itself(beside, beside.log.now() + 10**12)
    served = suite.start_second("token")
    async with suite.channel("token") as channel:
        stub = token_pb2_grpc.TokenServiceStub(channel)
        try:
            async with asyncio.timeout(PATIENCE):
                while over in [
                    one.client_id for one in (await stub.ListClients(token_pb2.ListClientsRequest())).clients
                ]:
                    await asyncio.sleep(0.05)
        finally:
            served.stop()
        assert (await refused(stub.GetClient(token_pb2.GetClientRequest(client_id=over))))[0] == "NOT_FOUND"
        assert (await stub.GetClient(token_pb2.GetClientRequest(client_id=later))).client.HasField("unused_until")
