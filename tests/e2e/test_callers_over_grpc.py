"""Who may call what over gRPC: certificates, their grants and their end (RULES 11)."""

import asyncio
import secrets
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import grpc.aio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from chassis.rpc import Tls, connect
from suite.authority import Authority
from suite.place import Place
from tests.harness.calls import first_answer, refused
from tests.harness.feeds import nothing_written
from tests.harness.people import People
from tests.harness.running import Running, clean_environment
from watchword.log.v1 import log_pb2, log_pb2_grpc
from watchword.policy.v1 import policy_pb2, policy_pb2_grpc
from watchword.token.v1 import token_pb2, token_pb2_grpc

pytestmark = pytest.mark.over("feed")

NAMES = ("identity", "token", "policy")
READ = "watchword.log.v1.EventLogService/Read"
REVOKE = "watchword.token.v1.TokenService/Revoke"
DENIED = ("PERMISSION_DENIED", "caller_not_allowed")


def stub_of(channel: Any) -> Any:
    return token_pb2_grpc.TokenServiceStub(channel)


async def reads(channel: Any) -> log_pb2.ReadResponse:
    """The first that a log answers to a reader."""
    call: Any = log_pb2_grpc.EventLogServiceStub(channel).Read(timeout=10)
    opened = log_pb2.ReadOpen(reader="test")
    opened.max_staleness.FromMilliseconds(1)
    response: log_pb2.ReadResponse = await first_answer(call, log_pb2.ReadRequest(open=opened))
    call.cancel()
    return response


async def knocks(channel: Any) -> None:
    """Asks for a log and waits for the answer: whoever may not read is told so before a word."""
    await log_pb2_grpc.EventLogServiceStub(channel).Read(timeout=10).read()


async def watches(channel: Any) -> token_pb2.WatchRevocationsResponse:
    call: Any = stub_of(channel).WatchRevocations(timeout=10)
    opened = token_pb2.WatchOpen(reader="test")
    opened.max_staleness.FromMilliseconds(1)
    request = token_pb2.WatchRevocationsRequest(open=opened)
    response: token_pb2.WatchRevocationsResponse = await first_answer(call, request)
    call.cancel()
    return response


async def checks(channel: Any) -> policy_pb2.CheckResponse:
    stub: Any = policy_pb2_grpc.PolicyServiceStub(channel)
    subject = policy_pb2.Entity(type="client", id="somebody")
    answer: policy_pb2.CheckResponse = await stub.Check(policy_pb2.CheckRequest(subject=subject, action="a.b"))
    return answer


async def healthy(channel: Any) -> None:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=10)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def watchword(suite: Running, *command: str) -> str:
    """What the command line says; it must succeed."""
    program = str(Path(sys.executable).with_name("watchword"))
    ran = subprocess.run(
        [program, *command, "--data", str(suite.place.data)],
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


async def connects(target: str, credentials: grpc.ChannelCredentials, name: str) -> bool:
    options = [("grpc.ssl_target_name_override", f"{name}.watchword"), ("grpc.enable_http_proxy", 0)]
    async with grpc.aio.secure_channel(target, credentials, options=options) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        return await stub.Check(health_pb2.HealthCheckRequest(), timeout=10).code() is grpc.StatusCode.OK


@pytest.mark.parametrize("name", NAMES)
async def test_without_a_certificate_of_this_authority_nobody_connects(
    suite: Running, name: str, tmp_path: Path
) -> None:
    ca = (suite.place.ca / "ca.pem").read_bytes()
    another = Place(tmp_path / "another")
    another.data.mkdir()
    another.furnish()
    stranger = Authority(another).keep("operator", "admin")
    foreign = grpc.ssl_channel_credentials(ca, stranger.key.read_bytes(), stranger.cert.read_bytes())
    bare = grpc.ssl_channel_credentials(ca)
    target = suite.fleet.target(name)
    assert not await connects(target, bare, name)
    assert not await connects(target, foreign, name)
    own = Authority(suite.place).keep("operator", "admin")
    good = grpc.ssl_channel_credentials(ca, own.key.read_bytes(), own.cert.read_bytes())
    assert await connects(target, good, name)
    async with grpc.aio.insecure_channel(target, options=[("grpc.enable_http_proxy", 0)]) as channel:
        assert (await refused(healthy(channel)))[0] == "UNAVAILABLE"


@pytest.mark.parametrize("names", [["spiffe://watchword/backend/a", "spiffe://watchword/operator/b"], [], ["urn:x"]])
async def test_a_certificate_that_does_not_name_one_caller_opens_nothing(suite: Running, names: list[str]) -> None:
    signer = serialization.load_pem_private_key((suite.place.ca / "ca.key").read_bytes(), None)
    authority = x509.load_pem_x509_certificate((suite.place.ca / "ca.pem").read_bytes())
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "odd")]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
    )
    if names:
        uris = [x509.UniformResourceIdentifier(one) for one in names]
        builder = builder.add_extension(x509.SubjectAlternativeName(uris), critical=False)
    pem = builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    tls = Tls((suite.place.ca / "ca.pem").read_bytes(), pem, private)
    async with connect(suite.fleet.target("token"), tls, "token") as channel:
        asked = stub_of(channel).Introspect(token_pb2.IntrospectRequest(token="x"))
        assert await refused(asked) == ("UNAUTHENTICATED", "caller_unknown")
        assert await refused(healthy(channel)) == ("UNAUTHENTICATED", "caller_unknown")


async def test_a_backend_may_ask_by_default_and_nothing_else(suite: Running) -> None:
    async with (
        suite.channel("token", "backend", "plain") as token,
        suite.channel("policy", "backend", "plain") as policy,
        suite.channel("identity", "backend", "plain") as identity,
        nothing_written(suite),
    ):
        stub = stub_of(token)
        assert not (await stub.Introspect(token_pb2.IntrospectRequest(token="nonsense"))).active
        batch = await stub.BatchIntrospect(token_pb2.BatchIntrospectRequest(tokens=["a", "b"]))
        assert [one.active for one in batch.responses] == [False, False]
        assert (await watches(token)).snapshot_begins
        assert (await checks(policy)).code == "no_matching_role"
        many: Any = policy_pb2_grpc.PolicyServiceStub(policy)
        two = policy_pb2.BatchCheckRequest(checks=[policy_pb2.CheckRequest()] * 2)
        assert len((await many.BatchCheck(two)).responses) == 2
        for channel in (token, policy, identity):
            assert await refused(knocks(channel)) == DENIED
        assert await refused(stub.Revoke(token_pb2.RevokeRequest(session_id="ses_x"))) == DENIED
        assert await refused(stub.GrantCaller(token_pb2.GrantCallerRequest())) == DENIED
        assert await refused(stub.RevokeCertificate(token_pb2.RevokeCertificateRequest())) == DENIED
        first = policy_pb2.CreateFirstAdministratorRequest(account_id="acc_x")
        assert await refused(many.CreateFirstAdministrator(first)) == DENIED


@pytest.mark.parametrize(("kind", "who"), [("backend", "demo"), ("operator", "admin"), ("service", "policy")])
async def test_what_is_for_one_service_is_denied_to_all_others(suite: Running, kind: Any, who: str) -> None:
    async with suite.channel("token", kind, who) as channel, nothing_written(suite):
        request = token_pb2.StartFamilyRequest(client_id=suite.app, account_id="acc_x", session_id="ses_x")
        assert await refused(stub_of(channel).StartFamily(request)) == DENIED
    async with suite.channel("token", "service", "policy") as channel:
        assert await refused(stub_of(channel).Revoke(token_pb2.RevokeRequest(session_id="ses_x"))) == DENIED


async def test_only_identity_names_positions_of_its_own_log(suite: Running) -> None:
    async with suite.channel("token") as channel, nothing_written(suite):
        request = token_pb2.RevokeRequest(subject="acc_x", before_session_position=7)
        assert await refused(stub_of(channel).Revoke(request)) == ("PERMISSION_DENIED", "identity_only")


async def test_reading_a_log_and_revoking_are_granted_by_name_and_taken_back(suite: Running, people: People) -> None:
    signed, who = await people.login(await people.register()), f"siem-{secrets.token_hex(4)}"
    uri = f"spiffe://watchword/backend/{who}"
    channels = {name: suite.channel(name, "backend", who) for name in NAMES}
    async with suite.channel("token") as operator:
        for name in NAMES:
            assert await refused(knocks(channels[name])) == DENIED
        granted = await stub_of(operator).GrantCaller(token_pb2.GrantCallerRequest(uri=uri, grants=[READ, REVOKE]))
        seen = grpc.aio.Metadata(("watchword-position", f"token={granted.position}"))
        for name in NAMES:
            await applied(channels[name], seen)
            assert (await reads(channels[name])).events
        revoked = await stub_of(channels["token"]).Revoke(token_pb2.RevokeRequest(session_id=signed.session_id))
        assert revoked.position > granted.position
        taken = await stub_of(operator).GrantCaller(token_pb2.GrantCallerRequest(uri=uri))
        seen = grpc.aio.Metadata(("watchword-position", f"token={taken.position}"))
        for name in NAMES:
            await applied(channels[name], seen)
            assert await refused(knocks(channels[name])) == DENIED
    assert not (await people.introspect(signed.access_token))["active"]
    for channel in channels.values():
        await channel.close()


async def applied(channel: Any, seen: grpc.aio.Metadata) -> None:
    """Waits until the process has applied what a call was answered with."""
    stub: Any = health_pb2_grpc.HealthStub(channel)
    await stub.Check(health_pb2.HealthCheckRequest(), timeout=10, metadata=seen)


@pytest.mark.over("feed", "kafka")
async def test_a_certificate_made_by_command_is_revoked_by_command_and_refused_at_the_next_call_everywhere(
    suite: Running,
) -> None:
    who = f"shop-{secrets.token_hex(4)}"
    said = await asyncio.to_thread(watchword, suite, "certs", "issue", who)
    assert f"spiffe://watchword/backend/{who}" in said
    tls = Tls.load(suite.place.ca / "ca.pem", suite.place.certs / f"{who}.pem", suite.place.certs / f"{who}.key")
    channels = {name: connect(suite.fleet.target(name), tls, name) for name in NAMES}
    for channel in channels.values():
        await healthy(channel)
    streaming: Any = stub_of(channels["token"]).WatchRevocations()
    await streaming.write(token_pb2.WatchRevocationsRequest(open=token_pb2.WatchOpen(reader="test")))
    assert await streaming.read()
    said = await asyncio.to_thread(watchword, suite, "certs", "revoke", who)
    assert "is revoked" in said
    silent = [line for line in said.splitlines() if "has not answered" in line]
    assert not [line for line in silent if "service/" in line], "every service has applied it"
    for name, channel in channels.items():
        assert await refused(healthy(channel)) == ("UNAUTHENTICATED", "certificate_revoked"), name
    asked = stub_of(channels["token"]).Introspect(token_pb2.IntrospectRequest(token="x"))
    assert await refused(asked) == ("UNAUTHENTICATED", "certificate_revoked")
    assert await refused(checks(channels["policy"])) == ("UNAUTHENTICATED", "certificate_revoked")
    assert (await refused(ends(streaming)))[0] == "UNAUTHENTICATED", "an open stream ends, too"
    for channel in channels.values():
        await channel.close()


async def ends(call: Any) -> None:
    """Reads a stream, reporting as a reader does, until it fails."""
    async with asyncio.timeout(10):
        while True:
            await call.write(token_pb2.WatchRevocationsRequest(progress=token_pb2.WatchProgress(stamp=1)))
            if await call.read() is grpc.aio.EOF:
                return


@pytest.mark.parametrize("name", NAMES)
async def test_health_and_reflection_answer_every_caller(suite: Running, name: str) -> None:
    for kind, who in (("backend", "plain"), ("operator", "admin")):
        async with suite.channel(name, kind, who) as channel:  # type: ignore[arg-type]
            await healthy(channel)
            stub: Any = reflection_pb2_grpc.ServerReflectionStub(cast(Any, channel))
            call = stub.ServerReflectionInfo(timeout=10)
            await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
            listed = {one.name for one in (await call.read()).list_services_response.service}
            call.cancel()
            own = f"watchword.{name}.v1.{name.capitalize()}Service"
            assert {own, "watchword.log.v1.EventLogService", "grpc.health.v1.Health"} <= listed


async def test_an_operators_certificate_is_no_service(suite: Running) -> None:
    async with suite.channel("token", "operator", "identity-but-not") as channel:
        request = token_pb2.StartFamilyRequest(client_id=suite.app)
        assert await refused(stub_of(channel).StartFamily(request)) == DENIED
