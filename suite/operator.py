"""Speaks to the services as an operator: gRPC with the operator's certificate, as RULES 11 says."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc.aio

from chassis.rpc.client import connect
from chassis.rpc.tls import Tls
from suite.databases import SERVICES
from suite.errors import Halt
from suite.place import Place
from watchword.identity.v1 import identity_pb2_grpc
from watchword.log.v1 import log_pb2_grpc
from watchword.policy.v1 import policy_pb2_grpc, rules_pb2_grpc
from watchword.token.v1 import token_pb2_grpc

if TYPE_CHECKING:
    from watchword.identity.v1.identity_pb2_grpc import IdentityServiceAsyncStub
    from watchword.log.v1.log_pb2_grpc import (
        EventLogServiceAsyncStub,
        ProjectionServiceAsyncStub,
        RelayServiceAsyncStub,
    )
    from watchword.policy.v1.policy_pb2_grpc import PolicyServiceAsyncStub
    from watchword.policy.v1.rules_pb2_grpc import RulesServiceAsyncStub
    from watchword.token.v1.token_pb2_grpc import TokenServiceAsyncStub

OPERATOR = "admin"


@dataclass(frozen=True, slots=True)
class Operator:
    """The services' APIs, by service where each has one."""

    identity: "IdentityServiceAsyncStub"
    token: "TokenServiceAsyncStub"
    policy: "PolicyServiceAsyncStub"
    rules: "RulesServiceAsyncStub"
    logs: "Mapping[str, EventLogServiceAsyncStub]"
    projections: "Mapping[str, ProjectionServiceAsyncStub]"
    relays: "Mapping[str, RelayServiceAsyncStub]"
    channels: Mapping[str, grpc.aio.Channel]


@asynccontextmanager
async def operator(place: Place, target: Callable[[str], str]) -> AsyncIterator[Operator]:
    """Channels to the three services at `target(name)`, HOST:PORT, with the operator's certificate of this DIR."""
    cert, key = place.certs / f"{OPERATOR}.pem", place.certs / f"{OPERATOR}.key"
    try:
        tls = Tls.load(place.ca / "ca.pem", cert, key)
    except OSError as error:
        raise Halt(
            f"the operator's certificate {cert} cannot be read ({error.strerror}): `watchword up` makes it"
        ) from None
    async with AsyncExitStack() as stack:
        channels: dict[str, grpc.aio.Channel] = {}
        for name in SERVICES:
            channels[name] = await stack.enter_async_context(connect(target(name), tls, name))
        yield Operator(
            identity=identity_pb2_grpc.IdentityServiceStub(channels["identity"]),
            token=token_pb2_grpc.TokenServiceStub(channels["token"]),
            policy=policy_pb2_grpc.PolicyServiceStub(channels["policy"]),
            rules=rules_pb2_grpc.RulesServiceStub(channels["policy"]),
            logs={name: log_pb2_grpc.EventLogServiceStub(channel) for name, channel in channels.items()},
            projections={name: log_pb2_grpc.ProjectionServiceStub(channel) for name, channel in channels.items()},
            relays={name: log_pb2_grpc.RelayServiceStub(channel) for name, channel in channels.items()},
            channels=channels,
        )
