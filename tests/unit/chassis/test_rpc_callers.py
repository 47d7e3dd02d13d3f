"""Who may call what over gRPC, and how errors cross it (RULES 11)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, cast

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from structlog.testing import capture_logs

from chassis import positions
from chassis.readiness import PortTaken
from chassis.rpc import (
    ADMINISTRATOR,
    GRANTED,
    Admission,
    Allowed,
    RpcServer,
    Tls,
    acting,
    administrator,
    ask,
    by,
    connect,
    refusal_of,
)
from chassis.rpc.callers import read_certificate
from chassis.telemetry import correlate
from eventlog.errors import Kind, Refusal
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
    return raised.value.code(), _reason(raised.value)


def _reason(error: grpc.aio.AioRpcError) -> str:
    from google.rpc import error_details_pb2
    from grpc_status import rpc_status

    info = error_details_pb2.ErrorInfo()
    status: Any = rpc_status.from_call(cast(Any, error))
    assert status.details[0].Unpack(info)
    assert info.domain == "watchword"
    return str(info.reason)


DENIED = (grpc.StatusCode.PERMISSION_DENIED, "caller_not_allowed")


async def test_a_listed_caller_is_served_under_its_name() -> None:
    async with running({LIST: {"backend/*"}}) as (_, port):
        assert await asked(port, DEMO) == "backend/demo"


@pytest.mark.parametrize("listed", [set(), {"service/*"}, {"backend/other"}, {GRANTED}, {ADMINISTRATOR}])
async def test_a_caller_that_is_not_listed_is_refused(listed: set[str]) -> None:
    async with running({LIST: listed}) as (_, port):
        assert await refused(port, DEMO) == DENIED


async def test_a_method_without_a_list_serves_nobody() -> None:
    async with running({}) as (_, port):
        assert await refused(port, ADMIN) == DENIED


async def test_what_is_granted_by_name_is_served_to_that_certificate_alone() -> None:
    grants = {"spiffe://watchword/backend/demo": frozenset({LIST})}
    async with running({LIST: {GRANTED}}, grants=lambda uri: grants.get(uri, frozenset())) as (_, port):
        assert await asked(port, DEMO) == "backend/demo"
        assert await refused(port, AUTHORITY.issue("spiffe://watchword/backend/other")) == DENIED


async def test_a_revoked_certificate_is_refused_at_the_next_call() -> None:
    revoked: set[str] = set()
    fingerprints: list[str] = []

    async def remember(_: Any) -> str:
        fingerprints.append(acting().caller.fingerprint)
        return ""

    async with running({LIST: {"backend/*"}}, remember, is_revoked=revoked.__contains__) as (_, port):
        await asked(port, DEMO)
        revoked.update(fingerprints)
        assert await refused(port, DEMO) == (grpc.StatusCode.UNAUTHENTICATED, "certificate_revoked")


def test_a_certificate_that_has_expired_since_it_connected_is_refused() -> None:
    """Each call and each message of a stream asks this; a handshake comes once."""
    uri = "spiffe://watchword/backend/demo"
    expired = read_certificate(AUTHORITY.issue(uri, life=timedelta(seconds=-1)).cert)
    good = read_certificate(AUTHORITY.issue(uri).cert)
    Admission().still_valid(good, READ)
    for method in (READ, "grpc.health.v1.Health/Watch"):
        with pytest.raises(Refusal, match="certificate_expired"):
            Admission().still_valid(expired, method)


async def test_who_does_not_know_what_is_revoked_lets_in_services_and_probes_of_health_alone() -> None:
    everybody = {"service/*", "backend/*", ADMINISTRATOR}
    known = False
    async with running({LIST: everybody}, knows=lambda _: known) as (_, port):
        for caller in (DEMO, ADMIN):
            assert await refused(port, caller) == (grpc.StatusCode.UNAVAILABLE, "certificates_unknown")
        assert await asked(port, AUTHORITY.service("identity")) == "service/identity"
        async with connect(f"127.0.0.1:{port}", DEMO, "token") as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            await ask(stub.Check, health_pb2.HealthCheckRequest())
        known = True
        assert await asked(port, DEMO) == "backend/demo"


@pytest.mark.parametrize(
    "uris",
    [
        (),
        ("spiffe://watchword/backend/a", "spiffe://watchword/service/token"),
        ("spiffe://elsewhere/service/token",),
        ("spiffe://watchword/root/token",),
        ("spiffe://watchword/backend/",),
        ("spiffe://watchword/backend/a/b",),
    ],
)
async def test_a_certificate_that_names_no_caller_is_unauthenticated(uris: tuple[str, ...]) -> None:
    async with running({LIST: {"backend/*", "service/*"}}) as (_, port):
        assert await refused(port, AUTHORITY.issue(*uris)) == (grpc.StatusCode.UNAUTHENTICATED, "caller_unknown")


async def test_a_certificate_of_another_authority_does_not_connect() -> None:
    stranger = Authority().issue("spiffe://watchword/service/identity")
    async with running({LIST: {"service/*"}}) as (_, port):
        with pytest.raises(Refusal, match="peer_unavailable"):
            await asked(port, Tls(TOKEN.ca, stranger.cert, stranger.key))


async def test_a_server_that_is_not_the_expected_service_is_not_talked_to() -> None:
    async with (
        running({LIST: {"backend/*"}}) as (_, port),
        connect(f"127.0.0.1:{port}", DEMO, "identity") as channel,
    ):
        stub = log_pb2_grpc.ProjectionServiceStub(channel)
        with pytest.raises(Refusal, match="peer_unavailable"):
            await ask(stub.ListProjections, log_pb2.ListProjectionsRequest())


async def test_an_operator_is_an_administrator_and_is_recorded() -> None:
    async def name(context: Any) -> str:
        return (await administrator(context)).actor

    async with running({LIST: {ADMINISTRATOR, "backend/*"}}, name) as (_, port):
        assert await asked(port, ADMIN) == "operator/admin"
        assert await refused(port, DEMO) == (grpc.StatusCode.PERMISSION_DENIED, "not_an_administrator")


async def authorize(bearer: str, method: str) -> str:
    if bearer != "good":
        raise Refusal(Kind.UNAUTHENTICATED, "invalid_token", "no")
    return f"acc_1 for {method}"


async def test_an_administrators_bearer_is_authorized_and_the_person_is_recorded() -> None:
    async with running({LIST: {ADMINISTRATOR}}, authorize=authorize) as (_, port):
        bearer = (("authorization", "Bearer good"),)
        assert await asked(port, DEMO, metadata=bearer) == f"acc_1 for {LIST}"


async def test_a_bad_bearer_is_unauthenticated_and_none_is_not_allowed() -> None:
    async with running({LIST: {ADMINISTRATOR}}, authorize=authorize) as (_, port):
        bad = grpc.aio.Metadata(("authorization", "Bearer bad"))
        assert await refused(port, DEMO, metadata=bad) == (grpc.StatusCode.UNAUTHENTICATED, "invalid_token")
        assert await refused(port, DEMO) == DENIED


@pytest.mark.parametrize("kind", list(Kind))
async def test_a_refusal_crosses_grpc_whole(kind: Kind) -> None:
    async def refuse(_: Any) -> str:
        raise Refusal(kind, "some_code", "some detail", 1.5)

    async with running({LIST: {"backend/*"}}, refuse) as (_, port):
        with pytest.raises(Refusal) as raised:
            await asked(port, DEMO)
    refusal = raised.value
    assert (refusal.kind, refusal.code, refusal.detail, refusal.retry_after) == (kind, "some_code", "some detail", 1.5)


async def test_an_unknown_error_leaks_nothing() -> None:
    async def fail(_: Any) -> str:
        raise ValueError("hunter2")

    with capture_logs() as logged:
        error = await _failing(fail)
    assert error.code() is grpc.StatusCode.INTERNAL
    assert _reason(error) == "internal"
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


async def test_a_stream_of_a_certificate_that_is_revoked_meanwhile_ends() -> None:
    revoked = False

    def is_revoked(_: str) -> bool:
        return revoked

    async with (
        running({}, is_revoked=is_revoked) as (_, port),
        connect(f"127.0.0.1:{port}", DEMO, "token") as channel,
    ):
        call = log_pb2_grpc.EventLogServiceStub(channel).Read()
        await call.write(log_pb2.ReadRequest())
        await call.read()
        revoked = True
        await call.write(log_pb2.ReadRequest())
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call.read()
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED


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
