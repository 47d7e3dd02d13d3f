"""A small server of gRPC, and its callers with their certificates."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import grpc
import grpc.aio
import pytest

from chassis import positions
from chassis.rpc import (
    Admission,
    Allowed,
    RpcServer,
    Tls,
    acting,
    ask,
    connect,
)
from tests.unit.chassis.authority import Authority
from watchword.log.v1 import log_pb2, log_pb2_grpc

LIST = "watchword.log.v1.ProjectionService/ListProjections"
READ = "watchword.log.v1.EventLogService/Read"
Answer = log_pb2.RetryParkedResponse
Behaviour = Callable[[Any], Awaitable[str]]


AUTHORITY = Authority()
TOKEN = AUTHORITY.service("token")
DEMO = AUTHORITY.issue("spiffe://watchword/backend/demo")
ADMIN = AUTHORITY.issue("spiffe://watchword/operator/admin")


class Servicer(log_pb2_grpc.ProjectionServiceServicer):
    """ListProjections answers one projection, whose name the test says."""

    def __init__(self, name: Behaviour) -> None:
        self._name = name

    async def ListProjections(self, request: Any, context: Any) -> log_pb2.ListProjectionsResponse:
        name = await self._name(context)
        return log_pb2.ListProjectionsResponse(projections=[log_pb2.Projection(name=name)])

    async def RebuildProjection(self, request: Any, context: Any) -> log_pb2.RebuildProjectionResponse:
        return log_pb2.RebuildProjectionResponse()

    async def RetryParked(self, request: Any, context: Any) -> log_pb2.RetryParkedResponse:
        return log_pb2.RetryParkedResponse()


class Feed(log_pb2_grpc.EventLogServiceServicer):
    """Answers each message of the reader with one of its own."""

    async def Read(self, request_iterator: Any, context: Any) -> AsyncIterator[log_pb2.ReadResponse]:
        async for _ in request_iterator:
            yield log_pb2.ReadResponse()


class Level:
    """A process that has applied up to position 9 of every log."""

    def applied(self, name: str) -> int:
        return 9

    async def wait(self, name: str, position: int, timeout: float) -> bool:
        return position <= 9


async def actor(_: Any) -> str:
    return acting().actor


@asynccontextmanager
async def running(allowed: Allowed, name: Behaviour = actor, **admission: Any) -> AsyncIterator[tuple[RpcServer, int]]:
    server = RpcServer(TOKEN, Admission(**admission), positions.Waiting(Level()))
    server.add(log_pb2_grpc.add_ProjectionServiceServicer_to_server, Servicer(name), allowed)
    server.add(log_pb2_grpc.add_EventLogServiceServicer_to_server, Feed(), {READ: {"backend/*"}})
    port = await server.start("127.0.0.1:0")
    try:
        yield server, port
    finally:
        await server.stop(0.1)


async def asked(port: int, tls: Tls, **more: Any) -> str:
    async with connect(f"127.0.0.1:{port}", tls, "token") as channel:
        stub = log_pb2_grpc.ProjectionServiceStub(channel)
        return (await ask(stub.ListProjections, log_pb2.ListProjectionsRequest(), **more)).projections[0].name


async def refused(port: int, tls: Tls, **more: Any) -> tuple[grpc.StatusCode, str]:
    """The code of the status and the reason that a foreign client reads from its details."""
    async with connect(f"127.0.0.1:{port}", tls, "token") as channel:
        call = log_pb2_grpc.ProjectionServiceStub(channel).ListProjections(log_pb2.ListProjectionsRequest(), **more)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call
    return raised.value.code(), reason_of(raised.value)


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """What ErrorInfo says."""
    from google.rpc import error_details_pb2
    from grpc_status import rpc_status

    info = error_details_pb2.ErrorInfo()
    status: Any = rpc_status.from_call(cast(Any, error))
    assert status.details[0].Unpack(info)
    assert info.domain == "watchword"
    return str(info.reason)


DENIED = (grpc.StatusCode.PERMISSION_DENIED, "caller_not_allowed")
