"""Who may call what over gRPC (RULES 11)."""

from datetime import timedelta
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from chassis.rpc import (
    ADMINISTRATOR,
    GRANTED,
    Admission,
    Tls,
    acting,
    administrator,
    ask,
    connect,
)
from chassis.rpc.callers import read_certificate
from eventlog.errors import Kind, Refusal
from tests.unit.chassis.authority import Authority
from tests.unit.chassis.rpc_served import ADMIN, AUTHORITY, DEMO, DENIED, LIST, READ, TOKEN, asked, refused, running
from watchword.log.v1 import log_pb2, log_pb2_grpc


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
    other = "spiffe://watchword/backend/other"
    grants = {"spiffe://watchword/backend/demo": frozenset({LIST}), other: frozenset({READ, "introspect:any"})}
    async with running({LIST: {GRANTED}}, grants=lambda uri: grants.get(uri, frozenset())) as (_, port):
        assert await asked(port, DEMO) == "backend/demo"
        assert await refused(port, AUTHORITY.issue(other)) == DENIED


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


async def test_who_shows_something_else_than_a_bearer_is_not_let_in_by_a_certificate_instead() -> None:
    async with running({LIST: {ADMINISTRATOR}}, authorize=authorize) as (_, port):
        basic = grpc.aio.Metadata(("authorization", "Basic Z29vZA=="))
        assert await refused(port, ADMIN, metadata=basic) == (grpc.StatusCode.UNAUTHENTICATED, "invalid_token")


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
