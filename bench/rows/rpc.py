"""Over gRPC with mutual TLS, by the certificate of a backend: introspection and decisions."""

from collections.abc import Sequence
from typing import Any

from grpc_health.v1.health_pb2 import HealthCheckRequest

from bench.figures import Figure, at_least
from bench.house import House, run
from bench.jobs import RpcJob
from bench.rows.tokens import TOKENS, access_tokens
from tests.harness.people import People
from tests.harness.running import Suite
from watchword.policy.v1 import policy_pb2, policy_pb2_grpc
from watchword.token.v1 import token_pb2, token_pb2_grpc

BATCH = 100
"""Tokens in one call: what a gateway gathers."""


def introspect_unary(house: House) -> list[Figure]:
    """Introspection over gRPC with mutual TLS, a token a call."""
    pids = house.under_load("token")
    suite = house.suite()
    asked = [token_pb2.IntrospectRequest(token=token) for token in run(access_tokens(suite, TOKENS))]
    run(_good(suite, asked[0]))
    job = rpc_job(house, "token", "watchword.token.v1.TokenService/Introspect", asked)
    empty = rpc_job(house, "token", "grpc.health.v1.Health/Check", [HealthCheckRequest()])
    return [
        *house.drive(job, pids).figures("introspection, gRPC with mTLS, unary", at_least(3000)),
        *house.drive(empty, pids).figures("gRPC with mTLS, the handler of a health check", None),
    ]


def introspect_batch(house: House) -> list[Figure]:
    """The same with many tokens a call."""
    pids = house.under_load("token")
    suite = house.suite()
    tokens = run(access_tokens(suite, BATCH))
    asked = token_pb2.BatchIntrospectRequest(tokens=tokens)
    run(_all_good(suite, asked))
    job = rpc_job(house, "token", "watchword.token.v1.TokenService/BatchIntrospect", [asked])
    return house.drive(job, pids).figures(
        f"introspection, gRPC with mTLS, batches of {BATCH}: tokens", at_least(50_000), each=BATCH
    )


def check(house: House) -> list[Figure]:
    """May this administrator revoke? It is allowed, by the one role that there is."""
    pids = house.under_load("policy")
    suite = house.suite()
    asked = run(_question(suite))
    job = rpc_job(house, "policy", "watchword.policy.v1.PolicyService/Check", [asked])
    return house.drive(job, pids).figures("check, unary gRPC with mTLS", at_least(2500))


async def _good(suite: Suite, asked: token_pb2.IntrospectRequest) -> None:
    async with suite.channel("token", "backend", "demo") as channel:
        stub: Any = token_pb2_grpc.TokenServiceStub(channel)
        assert (await stub.Introspect(asked)).active


async def _all_good(suite: Suite, asked: token_pb2.BatchIntrospectRequest) -> None:
    async with suite.channel("token", "backend", "demo") as channel:
        stub: Any = token_pb2_grpc.TokenServiceStub(channel)
        assert all(one.active for one in (await stub.BatchIntrospect(asked)).responses)


async def _question(suite: Suite) -> policy_pb2.CheckRequest:
    async with People.of(suite) as people:
        admin = await people.administrator()
    asked = policy_pb2.CheckRequest(
        subject=policy_pb2.Entity(type="account", id=admin.account_id),
        action="token.revoke",
        resource=policy_pb2.Entity(type="suite", id="token"),
        session_id=admin.session_id,
    )
    async with suite.channel("policy", "backend", "demo") as channel:
        stub: Any = policy_pb2_grpc.PolicyServiceStub(channel)
        answer = await stub.Check(asked)
        assert answer.allowed, answer
    return asked


def rpc_job(house: House, service: str, method: str, asked: Sequence[Any]) -> RpcJob:
    known = house.suite().contract
    return RpcJob(
        target=house.suite().fleet.target(service),
        peer=service,
        ca=known.ca,
        cert=known.backend.cert,
        key=known.backend.key,
        method=f"/{method}",
        requests=[one.SerializeToString() for one in asked],
        seconds=house.seconds,
        warm_up=house.warm_up,
    )
