"""What crosses gRPC besides answers: refusals, who a call belongs to, positions; and how a server starts and ends."""

import asyncio
from typing import Any, cast

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from structlog.testing import capture_logs

from chassis import positions
from chassis.readiness import PortTaken
from chassis.rpc import (
    Admission,
    RpcServer,
    ask,
    by,
    connect,
    refusal_of,
)
from chassis.rpc.status import DETAILS
from chassis.telemetry import correlate
from eventlog.errors import Kind, Refusal
from tests.unit.chassis.rpc_served import (
    DEMO,
    LIST,
    TOKEN,
    Behaviour,
    asked,
    reason_of,
    refused,
    running,
)
from watchword.log.v1 import log_pb2, log_pb2_grpc


@pytest.mark.parametrize("kind", list(Kind))
async def test_a_refusal_crosses_grpc_whole(kind: Kind) -> None:
    async def refuse(_: Any) -> str:
        raise Refusal(kind, "some_code", "some detail", 1.5)

    async with running({LIST: {"backend/*"}}, refuse) as (_, port):
        with pytest.raises(Refusal) as raised:
            await asked(port, DEMO)
    refusal = raised.value
    assert (refusal.kind, refusal.code, refusal.detail, refusal.retry_after) == (kind, "some_code", "some detail", 1.5)


@pytest.mark.parametrize(("domain", "code"), [("watchword", "some_code"), ("elsewhere.example", "peer_unavailable")])
def test_a_refusal_by_somebody_in_between_is_not_taken_for_the_services_own(domain: str, code: str) -> None:
    said = status_pb2.Status(code=grpc.StatusCode.NOT_FOUND.value[0], message="no such thing")
    said.details.add().Pack(
        error_details_pb2.ErrorInfo(reason="some_code", domain=domain, metadata={"kind": Kind.NOT_FOUND.name})
    )
    trailers = grpc.aio.Metadata((DETAILS, said.SerializeToString()))
    error = grpc.aio.AioRpcError(grpc.StatusCode.NOT_FOUND, grpc.aio.Metadata(), trailers, said.message)
    assert refusal_of(error).code == code


async def test_an_unknown_error_leaks_nothing() -> None:
    async def fail(_: Any) -> str:
        raise ValueError("hunter2")

    with capture_logs() as logged:
        error = await _failing(fail)
    assert error.code() is grpc.StatusCode.INTERNAL
    assert reason_of(error) == "internal"
    assert "hunter2" not in repr(error)
    assert [line["event"] for line in logged] == ["call_failed"]


async def _failing(fail: Behaviour) -> grpc.aio.AioRpcError:
    async with (
        running({LIST: {"backend/*"}}, fail) as (_, port),
        connect(f"127.0.0.1:{port}", DEMO, "token") as channel,
    ):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await log_pb2_grpc.ProjectionServiceStub(channel).ListProjections(log_pb2.ListProjectionsRequest())
    return raised.value


async def test_what_a_peer_says_about_this_process_is_no_fault_of_its_caller() -> None:
    async with running({LIST: set()}) as (_, port):
        with pytest.raises(Refusal, match="peer_unavailable"):
            await asked(port, DEMO)


async def test_the_correlation_id_follows_the_call() -> None:
    async def name(_: Any) -> str:
        return by().correlation_id

    async with running({LIST: {"backend/*"}}, name) as (_, port):
        correlate("request-17")
        assert await asked(port, DEMO) == "request-17"


async def test_positions_that_were_written_come_back_in_the_answer() -> None:
    async def write(_: Any) -> str:
        positions.note("token", 12)
        positions.note("token", 9)
        return ""

    async with running({LIST: {"backend/*"}}, write) as (_, port):
        noted = positions.begin()
        await asked(port, DEMO)
        assert noted == {"token": 12}


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (("token=1", "token=2"), "invalid_position"),
        (("token=1", "nonsense"), "invalid_position"),
        (("nonsense", "token=1"), "invalid_position"),
        (("token=10", "identity=1"), "not_yet_applied"),
    ],
)
async def test_positions_sent_in_several_lines_are_one_list_as_over_rest(sent: tuple[str, ...], reason: str) -> None:
    async with running({LIST: {"backend/*"}}) as (_, port):
        metadata = tuple((positions.HEADER, one) for one in sent)
        assert (await refused(port, DEMO, metadata=metadata))[1] == reason


async def test_a_taken_port_is_refused_in_words() -> None:
    async with running({}) as (_, port):
        with pytest.raises(PortTaken, match=str(port)):
            await RpcServer(TOKEN, Admission()).start(f"127.0.0.1:{port}")


async def test_streams_end_when_the_server_drains() -> None:
    async with running({}) as (server, port), connect(f"127.0.0.1:{port}", DEMO, "token") as channel:
        call = log_pb2_grpc.EventLogServiceStub(channel).Read()
        await call.write(log_pb2.ReadRequest())
        await call.read()
        async with asyncio.timeout(5):
            stopping = asyncio.create_task(server.stop(4))
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await call.read()
            await stopping
    assert refusal_of(raised.value).code == "draining"


async def test_health_is_served_before_readiness() -> None:
    async with running({}) as (server, port), connect(f"127.0.0.1:{port}", DEMO, "token") as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        before = await ask(stub.Check, health_pb2.HealthCheckRequest())
        await server.serving(True)
        after = await ask(stub.Check, health_pb2.HealthCheckRequest())
    serving = health_pb2.HealthCheckResponse
    assert (before.status, after.status) == (serving.NOT_SERVING, serving.SERVING)


async def test_reflection_names_the_services() -> None:
    from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

    async with running({LIST: {"backend/*"}}) as (_, port), connect(f"127.0.0.1:{port}", DEMO, "token") as channel:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(cast(Any, channel))
        call = stub.ServerReflectionInfo()
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        listed = await call.read()
        call.cancel()
    names = {service.name for service in listed.list_services_response.service}
    assert {"watchword.log.v1.ProjectionService", "watchword.log.v1.EventLogService"} <= names


@pytest.mark.parametrize("char", ["x", "\U0001f600", "\n"])
async def test_an_error_that_names_what_was_asked_for_arrives_however_long_that_is(char: str) -> None:
    async def unknown(_: Any) -> str:
        raise Refusal(Kind.NOT_FOUND, "projection_unknown", f"there is no projection {char * 70_000}")

    async with running({LIST: {"backend/*"}}, unknown) as (_, port):
        assert await refused(port, DEMO) == (grpc.StatusCode.NOT_FOUND, "projection_unknown")
