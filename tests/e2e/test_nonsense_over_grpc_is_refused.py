"""Over gRPC, too, nonsense is the caller's fault, has a stable reason, and changes nothing."""

from typing import Any

import pytest

from tests.harness.calls import last_answer, refused
from tests.harness.feeds import nothing_written
from tests.harness.running import Running
from watchword.log.v1 import log_pb2
from watchword.policy.v1 import policy_pb2, policy_pb2_grpc
from watchword.token.v1 import token_pb2, token_pb2_grpc

pytestmark = pytest.mark.over("feed")

NAMES = ("identity", "token", "policy")
READ = "watchword.log.v1.EventLogService/Read"

NONSENSE: dict[str, bytes] = {
    "garbage": b"\xff\xff\xff\xff",
    "broken UTF-8": b"\x0a\x02\xff\xfe",
    "cut short": b"\x0a\x7fabc",
    "a NUL": b"\x0a\x03a\x00b",
}
UNARY = [
    ("identity", "watchword.identity.v1.IdentityService/FindAccount"),
    ("identity", "watchword.identity.v1.IdentityService/CreateAccount"),
    ("identity", "watchword.identity.v1.IdentityService/DisableAccount"),
    ("token", "watchword.token.v1.TokenService/Introspect"),
    ("token", "watchword.token.v1.TokenService/BatchIntrospect"),
    ("token", "watchword.token.v1.TokenService/Revoke"),
    ("token", "watchword.token.v1.TokenService/CreateClient"),
    ("token", "watchword.token.v1.TokenService/GrantCaller"),
    ("token", "watchword.token.v1.TokenService/RevokeCertificate"),
    ("policy", "watchword.policy.v1.PolicyService/Check"),
    ("policy", "watchword.policy.v1.PolicyService/BatchCheck"),
    ("policy", "watchword.policy.v1.PolicyService/DefineRole"),
    ("policy", "watchword.policy.v1.PolicyService/AssignRole"),
    *[(name, "watchword.log.v1.ProjectionService/RebuildProjection") for name in NAMES],
]
EMPTY_IS_REFUSED = [
    ("identity", "watchword.identity.v1.IdentityService/CreateAccount"),
    ("identity", "watchword.identity.v1.IdentityService/DisableAccount"),
    ("identity", "watchword.identity.v1.IdentityService/EnableAccount"),
    ("identity", "watchword.identity.v1.IdentityService/FindAccount"),
    ("token", "watchword.token.v1.TokenService/Revoke"),
    ("token", "watchword.token.v1.TokenService/GrantCaller"),
    ("token", "watchword.token.v1.TokenService/RevokeCertificate"),
    ("policy", "watchword.policy.v1.PolicyService/DefineRole"),
    ("policy", "watchword.policy.v1.PolicyService/AssignRole"),
    ("policy", "watchword.policy.v1.PolicyService/UnassignRole"),
    ("policy", "watchword.policy.v1.PolicyService/CreateFirstAdministrator"),
    *[(name, "watchword.log.v1.ProjectionService/RebuildProjection") for name in NAMES],
    *[(name, "watchword.log.v1.ProjectionService/RetryParked") for name in NAMES],
]
CALLERS_FAULT = {"INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION"}


async def test_messages_that_are_none_are_the_callers_fault_and_change_nothing(suite: Running) -> None:
    channels: dict[str, Any] = {name: suite.channel(name) for name in NAMES}
    async with nothing_written(suite):
        for name, method in UNARY:
            for what, message in NONSENSE.items():
                status, reason = await refused(channels[name].unary_unary(f"/{method}")(message, timeout=10))
                assert status == "INVALID_ARGUMENT", (method, what)
                assert reason in ("malformed_message", "invalid_request"), (method, what)
        for name, method in EMPTY_IS_REFUSED:
            status, reason = await refused(channels[name].unary_unary(f"/{method}")(b"", timeout=10))
            assert status in CALLERS_FAULT, method
            assert reason, method
        for name in NAMES:
            unknown = channels[name].unary_unary("/watchword.token.v1.TokenService/Nothing")(b"")
            assert (await refused(unknown))[0] == "UNIMPLEMENTED"
    for channel in channels.values():
        await channel.close()


async def test_streams_that_open_wrongly_are_the_callers_fault(suite: Running) -> None:
    streams = [("token", "watchword.token.v1.TokenService/WatchRevocations"), *[(name, READ) for name in NAMES]]
    endless = log_pb2.ReadOpen(reader="x", after=2**64 - 1)
    opened = log_pb2.ReadRequest(open=log_pb2.ReadOpen(reader="x"))
    beyond = log_pb2.ReadRequest(progress=log_pb2.Progress(applied=2**64 - 1))
    wrong: list[list[Any]] = [[message] for message in NONSENSE.values()]
    wrong += [[b""], [log_pb2.ReadRequest(open=log_pb2.ReadOpen()).SerializeToString()]]
    wrong += [[opened.SerializeToString(), beyond.SerializeToString()]]
    for name, method in streams:
        also = [[log_pb2.ReadRequest(open=endless).SerializeToString()]] if method == READ else []
        async with suite.channel(name) as channel:
            for messages in wrong + also:
                call: Any = channel.stream_stream(f"/{method}")(timeout=10)
                said = await refused(last_answer(call, *messages))
                assert said[0] == "INVALID_ARGUMENT", (method, messages)
                assert said[1], (method, messages)


async def test_what_no_field_may_hold_is_refused_and_changes_nothing(suite: Running) -> None:
    long = "x" * 100_000
    async with suite.channel("token") as token, suite.channel("policy") as policy, nothing_written(suite):
        stub: Any = token_pb2_grpc.TokenServiceStub(token)
        roles: Any = policy_pb2_grpc.PolicyServiceStub(policy)
        negative = token_pb2.RevokeRequest(session_id="ses_x", wait_applied=True)
        negative.wait_timeout.seconds = -(2**62)
        entity = policy_pb2.Entity(type="account", id=long)
        calls: list[Any] = [
            stub.Revoke(token_pb2.RevokeRequest(session_id="")),
            stub.Revoke(token_pb2.RevokeRequest(subject=long)),
            stub.Revoke(token_pb2.RevokeRequest(subject="acc_x", reason=long)),
            stub.Revoke(negative),
            stub.Revoke(token_pb2.RevokeRequest(client_id="nobody-at-all")),
            stub.RotateKey(token_pb2.RotateKeyRequest(alg="none")),
            stub.RotateKey(token_pb2.RotateKeyRequest(alg="HS256")),
            stub.GrantCaller(token_pb2.GrantCallerRequest(uri="spiffe://watchword/operator/admin", grants=[READ])),
            stub.BatchIntrospect(token_pb2.BatchIntrospectRequest(tokens=["x"] * 1001)),
            roles.BatchCheck(policy_pb2.BatchCheckRequest(checks=[policy_pb2.CheckRequest()] * 1001)),
            roles.AssignRole(policy_pb2.AssignRoleRequest(role="administrator", subject=entity)),
        ]
        wrong = [
            {"client_id": "acc_like_an_account"},
            {"client_id": "a b"},
            {"name": long},
            {"scopes": ["orders watchword:admin"]},
            {"grant_types": ["password"]},
            {"access_token_alg": "none"},
            {"access_token_life": {"seconds": 3601}},
            {"leeway": {"seconds": -1}},
            {"direct_login": True},
        ]
        calls += [
            stub.CreateClient(token_pb2.CreateClientRequest(client=token_pb2.Client(**one)))  # type: ignore[arg-type]
            for one in wrong
        ]
        for call in calls:
            status, reason = await refused(call)
            assert status in CALLERS_FAULT, reason
            assert reason
