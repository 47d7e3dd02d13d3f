"""Several processes of one service take turns; one that goes or is lost costs no question that may be asked again."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest

from chassis.rpc import EVERYBODY, Admission, RpcServer, ask, connect
from chassis.rpc.client import spread
from eventlog.errors import Refusal
from tests.unit.chassis.rpc_served import DEMO, LIST, TOKEN, Servicer
from watchword.log.v1 import log_pb2, log_pb2_grpc


@dataclass
class Two:
    """Two processes of token; each answers with its number, but for one that is lost in the middle of an answer."""

    servers: list[RpcServer] = field(default_factory=list)
    lost: int | None = None
    asked: "Counter[int]" = field(default_factory=Counter)

    async def question(self, stub: Any, again: bool = False) -> int:
        answer = await ask(stub.ListProjections, log_pb2.ListProjectionsRequest(), again=again, wait_for_ready=True)
        return int(answer.projections[0].applied)


class Numbered(Servicer):
    """One of them."""

    def __init__(self, number: int, two: Two) -> None:
        self._number = number
        self._two = two

    async def ListProjections(self, request: Any, context: Any) -> log_pb2.ListProjectionsResponse:
        self._two.asked[self._number] += 1
        if self._number == self._two.lost:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        return log_pb2.ListProjectionsResponse(projections=[log_pb2.Projection(applied=self._number)])


@asynccontextmanager
async def two_processes() -> AsyncIterator[tuple[Two, Any]]:
    """Both have been asked."""
    two, ports = Two(), []
    async with AsyncExitStack() as stack:
        for number in (0, 1):
            server = RpcServer(TOKEN, Admission())
            servicer = Numbered(number, two)
            server.add(log_pb2_grpc.add_ProjectionServiceServicer_to_server, servicer, {LIST: EVERYBODY})
            ports.append(await server.start("127.0.0.1:0"))
            stack.push_async_callback(server.stop, 0)
            await server.serving(True)
            two.servers.append(server)
        target = ",".join(f"127.0.0.1:{port}" for port in ports)
        channel = await stack.enter_async_context(connect(target, DEMO, "token"))
        stub: Any = log_pb2_grpc.ProjectionServiceStub(channel)
        while len(two.asked) < 2:
            await two.question(stub)
        yield two, stub


async def test_they_take_turns_and_one_that_says_that_it_goes_is_asked_nothing_new() -> None:
    async with two_processes() as (two, stub):
        await two.servers[0].serving(False)
        while {await two.question(stub) for _ in range(8)} != {1}:
            pass
        await two.servers[0].serving(True)
        while await two.question(stub) != 0:
            pass


async def test_where_one_is_lost_the_other_is_asked_if_that_does_no_harm() -> None:
    async with two_processes() as (two, stub):
        two.lost = 0
        assert [await two.question(stub, again=True) for _ in range(8)] == [1] * 8


async def test_where_one_is_lost_what_may_have_happened_is_not_done_again() -> None:
    async with two_processes() as (two, stub):
        two.lost, before = 0, two.asked.total()
        outcomes = [await outcome(two, stub) for _ in range(8)]
    assert sorted(set(outcomes)) == ["1", "peer_unavailable"]
    assert two.asked.total() == before + 8


async def outcome(two: Two, stub: Any) -> str:
    try:
        return str(await two.question(stub))
    except Refusal as refusal:
        return refusal.code


@pytest.mark.parametrize(
    ("target", "called"),
    [
        ("127.0.0.1:9402", ""),
        ("token:9402", ""),
        ("dns:///token:9402", "dns:///token:9402"),
        ("10.0.0.1:9402,10.0.0.2:9402", "ipv4:10.0.0.1:9402,10.0.0.2:9402"),
        ("[::1]:9402,[::2]:9402", "ipv6:[::1]:9402,[::2]:9402"),
    ],
)
def test_a_list_or_every_address_of_a_name_are_several(target: str, called: str) -> None:
    assert spread(target)[0] == (called or target)
    assert bool(spread(target)[1]) == bool(called)


async def test_every_address_of_a_name_is_asked() -> None:
    server = RpcServer(TOKEN, Admission())
    two = Two()
    server.add(log_pb2_grpc.add_ProjectionServiceServicer_to_server, Numbered(7, two), {LIST: EVERYBODY})
    port = await server.start("127.0.0.1:0")
    await server.serving(True)
    try:
        async with connect(f"dns:///localhost:{port}", DEMO, "token") as channel:
            assert await two.question(log_pb2_grpc.ProjectionServiceStub(channel)) == 7
    finally:
        await server.stop(0)
