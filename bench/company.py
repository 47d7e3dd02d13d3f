"""Puts a model of policy into a running suite: its people into identity's log, its facts through policy's own door."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from itertools import islice

import asyncpg

from bench.policy_model import Fact, Size, facts, subject
from eventlog.events import encode
from eventlog.postgres import PostgresStore
from eventlog.store import Command, NewEvent, Write
from services.identity.domain.events import AccountRegistered
from services.policy.api.fact_wire import from_fact
from services.policy.domain.spelled import read
from suite.operator import Operator, operator
from tests.harness.running import Running
from watchword.policy.v1 import policy_pb2

AT_ONCE = 64
WRITTEN = 1000
"""Facts in a request."""


async def bring(suite: Running, size: Size) -> tuple[int, float]:
    """How many facts were written, and in how many seconds."""
    await _register(suite, size.subjects)
    begun, count = time.perf_counter(), 0
    async with operator(suite.place, suite.fleet.target) as peers:
        for some in _pieces(facts(size)):
            await write_facts(peers, some)
            count += len(some)
    return count, time.perf_counter() - begun


async def write_facts(peers: Operator, some: Sequence[Fact], remove: Sequence[Fact] = ()) -> int:
    """The position at which it is so."""
    request = policy_pb2.WriteFactsRequest(
        write=[from_fact(read(one)) for one in some], remove=[from_fact(read(one)) for one in remove]
    )
    answer = await peers.policy.WriteFacts(request, timeout=120)
    return int(answer.position)


async def _register(suite: Running, count: int) -> None:
    """Accounts without names and passwords: nobody logs in."""
    dsn = (suite.place.secrets / "identity.dsn").read_text()
    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=2)
    try:
        async with PostgresStore(dsn, pool) as store:
            gate = asyncio.Semaphore(AT_ONCE)

            async def one(number: int) -> None:
                account = subject(number)
                body, _ = encode(AccountRegistered(account_id=account.partition("/")[2]))
                write = Write(account, 0, [NewEvent(AccountRegistered.type, body)])
                async with gate:
                    await store.append(Command(f"company{number}", "bench", "bench", [write], []))

            await asyncio.gather(*(one(number) for number in range(count)))
    finally:
        await pool.close()


def _pieces(told: Iterator[Fact]) -> Iterator[list[Fact]]:
    while some := list(islice(told, WRITTEN)):
        yield some
