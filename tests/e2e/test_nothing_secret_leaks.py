"""After a run that used known values: no password, secret, cookie, refresh token or private key in any log line, event,
error or other service's database, none of the first and the last in another process's memory, and nobody's name or
address in what leaves a service."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import httpx2
import psutil
import pytest

from suite.databases import SERVICES
from suite.postgres import SUPERUSER
from tests.harness.known_run import Known, use_everything
from tests.harness.needles import Needle, found, found_in_file, found_in_memory, spelled
from tests.harness.running import Running
from tests.harness.secrets_of_token import private_keys
from watchword.clock import boot_ns
from watchword.log.v1 import log_pb2, log_pb2_grpc
from watchword.token.v1 import token_pb2, token_pb2_grpc

# With Kafka everything runs that runs without it.
pytestmark = [pytest.mark.timeout(300), pytest.mark.over("kafka")]


@dataclass(frozen=True, repr=False)
class Sought:
    """What was used in the run, and token's private keys."""

    known: Known
    signing: list[Needle]
    refresh_keys: list[Needle]

    @property
    def secret(self) -> list[Needle]:
        """What must be nowhere but in the process that handles it."""
        return [*self.known.passwords(), *self.known.misplaced(), *self.known.bearing(), *self.keys]

    @property
    def keys(self) -> list[Needle]:
        return [*self.signing, *self.refresh_keys]

    @property
    def hashed(self) -> list[Needle]:
        """What secrets are recognized by, which stays sealed."""
        values = [cookie.partition(".")[2] for cookie in self.known.cookies] + [self.known.client_secret]
        digests = [needle for one in values for needle in spelled("a hash", hashlib.sha256(one.encode()).digest())]
        return [*digests, Needle("a password's hash", b"$argon2")]

    @property
    def all(self) -> list[Needle]:
        return [*self.secret, *self.hashed, *self.known.personal()]


@pytest.fixture(scope="module")
def sought(suite: Running) -> Sought:
    async def run() -> Sought:
        known = await use_everything(suite)
        signing, refresh = await private_keys(suite.place)
        return Sought(known, signing, refresh)

    found = asyncio.run(run())
    assert found.signing
    assert found.refresh_keys
    return found


async def test_no_error_repeats_what_it_was_told(sought: Sought) -> None:
    assert len(sought.known.errors) > 25
    assert len(sought.known.refusals) == 8
    told = [*sought.known.passwords(), *sought.known.misplaced(), *sought.known.bearing(), *sought.known.personal()]
    for answer in sought.known.errors:
        assert found(told, answer.content + repr(answer.headers.multi_items()).encode()) == set()
    for refusal in sought.known.refusals:
        assert found(told, f"{refusal.details()} {list(refusal.trailing_metadata() or ())}".encode()) == set()
        assert refusal.code() not in (grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL), refusal


async def test_no_log_line_holds_one(suite: Running, sought: Sought) -> None:
    place = suite.place
    logs = [*place.logs.iterdir(), place.data.with_name(f"{place.data.name}.up.log")]
    assert {f"{name}.log" for name in (*SERVICES, "postgres")} <= {path.name for path in logs}
    for path in logs:
        assert found_in_file(sought.all, path) == set(), path.name


async def test_no_file_of_the_suite_holds_one(suite: Running, sought: Sought) -> None:
    """The database among them, with all that was ever written and deleted."""
    for path in files(suite.place.data):
        with suppress(FileNotFoundError):  # PostgreSQL removes some meanwhile
            assert found_in_file([*sought.secret, *sought.known.names()], path) == set(), path


def files(directory: Path) -> Iterator[Path]:
    for root, _, names in os.walk(directory):
        yield from (path for name in names if (path := Path(root) / name).is_file())


@pytest.mark.parametrize("name", SERVICES)
async def test_no_event_that_leaves_a_service_holds_one(suite: Running, sought: Sought, name: str) -> None:
    messages = [message async for message in feed(suite, name)]
    assert sum(len(message.events) for message in messages) == messages[-1].freshness.head
    if name == "identity":
        assert sought.known.account_id.encode() in b"".join(message.SerializeToString() for message in messages)
    for message in messages:
        assert found(sought.all, message.SerializeToString()) == set()


async def feed(suite: Running, name: str) -> AsyncIterator[log_pb2.ReadResponse]:
    """All that the feed of a service says, up to its head."""
    async with suite.channel(name) as channel:
        call: Any = log_pb2_grpc.EventLogServiceStub(channel).Read()
        await call.write(log_pb2.ReadRequest(open=log_pb2.ReadOpen(reader="a-test")))
        applied, head = 0, -1
        while head < 0 or applied < head:
            if head < 0:
                await call.write(log_pb2.ReadRequest(progress=log_pb2.Progress(stamp=boot_ns())))
            message: log_pb2.ReadResponse = await asyncio.wait_for(call.read(), 30)
            applied = max(applied, *(event.position for event in message.events), 0)
            head = max(head, message.freshness.head if message.HasField("freshness") else -1)
            yield message


async def test_nothing_else_that_a_service_tells_holds_one(suite: Running, sought: Sought) -> None:
    """Revocations, keys, the state of projections, metrics, readiness."""
    async with httpx2.AsyncClient(trust_env=False, timeout=30) as http:
        pages = [
            await http.get(suite.url(name) + path) for name in SERVICES for path in ("/metrics", "/readyz?verbose")
        ]
    said = [page.content for page in pages]
    for name in SERVICES:
        async with suite.channel(name) as channel:
            projections = log_pb2_grpc.ProjectionServiceStub(channel)
            said.append((await projections.ListProjections(log_pb2.ListProjectionsRequest())).SerializeToString())
    async with suite.channel("token") as channel:
        token = token_pb2_grpc.TokenServiceStub(channel)
        said.append((await token.ListKeys(token_pb2.ListKeysRequest())).SerializeToString())
        said.append((await token.ListClients(token_pb2.ListClientsRequest())).SerializeToString())
        watching: Any = token.WatchRevocations()
        await watching.write(token_pb2.WatchRevocationsRequest(open=token_pb2.WatchOpen(reader="a-test")))
        said.append((await asyncio.wait_for(watching.read(), 30)).SerializeToString())
    for one in said:
        assert found(sought.all, one) == set()


@pytest.mark.parametrize("name", SERVICES)
async def test_no_database_holds_one_in_plain(suite: Running, sought: Sought, name: str) -> None:
    """Where and with what somebody logged in stands in identity's own tables, so that people see their sessions."""
    tables = await contents(suite, name)
    assert "eventlog.events" in tables
    own = {"public.projection_rows", "public.attempts"} if name == "identity" else set[str]()
    for table in own:
        assert found(sought.known.personal(), tables[table]), "what may be there is found"
    for table, rows in tables.items():
        wanted = [*sought.secret, *sought.hashed, *sought.known.names()] if table in own else sought.all
        assert found(wanted, rows) == set(), table


async def contents(suite: Running, name: str) -> dict[str, bytes]:
    """Every table of a service's database, as the superuser sees it."""
    dsn = (suite.place.secrets / f"{name}.dsn").read_text()
    password = (suite.place.secrets / f"role.{SUPERUSER}").read_text()
    connection = await asyncpg.connect(dsn, user=SUPERUSER, password=password)
    try:
        listed = await connection.fetch(
            "SELECT schemaname || '.' || tablename AS name FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        return {
            one["name"]: b"\n".join(plain(await connection.fetch(f"SELECT * FROM {one['name']}"))) for one in listed
        }
    finally:
        await connection.close()


def plain(rows: Iterable[asyncpg.Record]) -> Iterator[bytes]:
    for row in rows:
        for value in row.values():
            yield value if isinstance(value, bytes) else str(value).encode()


async def test_no_password_or_key_is_in_another_process(suite: Running, sought: Sought) -> None:
    pids = {name: suite.pid(name) for name in SERVICES}
    assert found_in_memory(sought.signing, pids["token"]), "where they belong they are found"
    assert found_in_memory(sought.refresh_keys, pids["token"])
    for name in ("token", "policy"):
        assert found_in_memory([*sought.known.passwords(), *sought.known.names()], pids[name]) == set(), name
    for name in ("identity", "policy"):
        assert found_in_memory(sought.keys, pids[name]) == set(), name
    strangers = [*sought.known.passwords(), *sought.keys]
    assert found_in_memory(strangers, suite.up.pid) == set()
    server = suite.pid("postgres")
    assert found_in_memory(strangers, server) == set()
    for process in psutil.Process(server).children():
        with suppress(FileNotFoundError):  # a worker of PostgreSQL's that has ended since
            assert found_in_memory(strangers, process.pid, shared=False) == set()
