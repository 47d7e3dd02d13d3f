"""However many connect, and whatever they send, a service takes bounded memory for it, answers whoever comes meanwhile,
and goes on. The bounds are what docs/evidence/hostile-load.md measured, with room for the allocator."""

import asyncio
import json

import psutil
import pytest

from chassis.http import MAX_HEAD, PIPELINED
from tests.flood.floods import EVALUATION, HONEST, flood, honest, until, watched
from tests.harness.running import Running

SETTLED = 16.0
"""MiB that any flood may leave: pools, arenas, the metrics of its routes."""
BODY = 60_000


@pytest.mark.parametrize("name", ["identity", "token", "policy"])
async def test_a_crowd_that_says_nothing(suite: Running, crowd: int, name: str) -> None:
    with watched(suite, name) as service:
        async with flood(suite.fleet.rest[name], crowd, b"") as floods:
            await honest(suite.url(name))
            assert not [one for one in floods if one.said]
        assert service.grown < SETTLED + crowd * 8 / 1024


async def test_requests_behind_each_other_are_answered_up_to_a_number_and_then_the_connection_ends(
    suite: Running,
) -> None:
    with watched(suite, "policy") as service:
        async with flood(suite.fleet.rest["policy"], 50, HONEST * 8_000) as floods:
            await honest(suite.url("policy"))
            await asyncio.gather(*(one.ended for one in floods))
            for one in floods:
                assert 1 <= one.said.count(b"HTTP/1.1 200 OK") <= PIPELINED + 1
        assert service.grown < SETTLED


async def test_heads_of_nothing_but_headers(suite: Running) -> None:
    with watched(suite, "policy") as service:
        headers = b"GET /livez HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 100_000
        async with flood(suite.fleet.rest["policy"], 100, headers) as floods:
            await honest(suite.url("policy"))
            await asyncio.gather(*(one.ended for one in floods))
            assert {one.said[:12] for one in floods} <= {b"HTTP/1.1 400", b""}
        assert service.grown < SETTLED + 100 * 8 * MAX_HEAD / 2**20


async def test_bodies_that_stop_before_their_end(suite: Running, crowd: int) -> None:
    """Those that came first are told that their time is over; what they sent is not kept."""
    sent = EVALUATION + b"Content-Length: 65000\r\n\r\n" + b"a" * BODY
    with watched(suite, "policy") as service:
        async with flood(suite.fleet.rest["policy"], crowd, sent) as floods:
            await until(lambda: any(one.said for one in floods), "the first are told")
            service.look()
            await honest(suite.url("policy"))
            told = [one for one in floods if one.said]
            assert {one.said[:12] for one in told} == {b"HTTP/1.1 408"}
            assert json.loads(told[0].said.partition(b"\r\n\r\n")[2])["code"] == "request_timeout"
        assert service.grown < SETTLED + 32 + crowd * 20 / 1024


async def test_answers_that_nobody_reads(suite: Running) -> None:
    asked = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: a\r\n\r\n"
    before = psutil.Process(suite.pid("policy")).num_fds()
    with watched(suite, "policy") as service:
        async with flood(suite.fleet.rest["policy"], 60, asked * 8, reads=False):
            await honest(suite.url("policy"))
            assert psutil.Process(suite.pid("policy")).num_fds() <= before + 70, "no file is open for each of them"
        assert service.grown < SETTLED + 32
