"""Channels to peers, and asking them."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
import grpc.aio

from chassis import positions
from chassis.rpc.status import FAULTS, refusal_of
from chassis.rpc.tls import Tls
from chassis.telemetry import correlation_id
from chassis.tracing import TRACES
from eventlog.errors import Refusal

if TYPE_CHECKING:
    from chassis.tracing.spans import Spans

Q = TypeVar("Q")
A = TypeVar("A")

CORRELATION = "watchword-correlation-id"
DEADLINE = 5.0
MAX_MESSAGE = 8 * 1024 * 1024

_OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # Also bounds how long one attempt to connect may take.
    ("grpc.min_reconnect_backoff_ms", 2_000),
    # Peers have names of their own: a proxy from the environment is meant for the world outside.
    ("grpc.enable_http_proxy", 0),
)
# Several processes of one service take turns; one that says that it goes, or is not ready, is asked nothing new.
_SEVERAL: tuple[tuple[str, Any], ...] = (
    (
        "grpc.service_config",
        json.dumps({"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": ""}}),
    ),
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
)
_LOST = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


def connect(target: str, tls: Tls, peer: str) -> grpc.aio.Channel:
    """A channel to the service `peer` (identity, token, policy) at HOST:PORT. It connects by itself, again and again.

    Behind `dns:///NAME:PORT` each address of the name is a process of the peer's; or several addresses are listed,
    ADDRESS:PORT,ADDRESS:PORT. Then calls go in turn to all that say that they are ready.

    The server's certificate must carry the DNS name `<peer>.watchword`, wherever it is reached: so a process that
    holds another service's certificate cannot answer in its place. Call within a running event loop.
    """
    where, several = spread(target)
    options = [*_OPTIONS, *several, ("grpc.ssl_target_name_override", server_name(peer))]
    traced = None if TRACES.spans is None else [_Traced(TRACES.spans)]
    return grpc.aio.secure_channel(where, tls.for_client(), options, interceptors=traced)


def spread(target: str) -> tuple[str, tuple[tuple[str, Any], ...]]:
    """What gRPC calls a target, and the options for one behind which there may be several processes."""
    if target.startswith("dns:///"):
        return target, _SEVERAL
    if "," in target:
        return f"{'ipv6' if target.startswith('[') else 'ipv4'}:{target}", _SEVERAL
    # One address may be before several that nobody here can tell apart; whoever of them answers is asked on.
    return target, ()


class _Traced(grpc.aio.UnaryUnaryClientInterceptor):
    """Makes each question to a peer a span, and tells the peer of it. Streams are none: they have no end."""

    def __init__(self, spans: "Spans") -> None:
        self._spans = spans

    async def intercept_unary_unary(
        self,
        continuation: Callable[[grpc.aio.ClientCallDetails, Q], Awaitable["grpc.aio.UnaryUnaryCall[Q, A]"]],
        details: grpc.aio.ClientCallDetails,
        request: Q,
    ) -> "grpc.aio.UnaryUnaryCall[Q, A]":
        """See grpc.aio.UnaryUnaryClientInterceptor."""
        path: str | bytes = details.method
        method = (path.decode() if isinstance(path, bytes) else path).lstrip("/")
        span, headers = self._spans.ask(method, {"rpc.system.name": "grpc", "rpc.method": method})
        sent = grpc.aio.Metadata(*(details.metadata or ()), *headers.items())
        code = grpc.StatusCode.CANCELLED
        try:
            call = await continuation(_with(details, sent), request)
            try:
                code = await call.code()
            except asyncio.CancelledError:
                call.cancel()
                raise
            return call
        finally:
            span.end({"rpc.response.status_code": code.name}, failed=code.name in FAULTS)


def _with(details: grpc.aio.ClientCallDetails, metadata: grpc.aio.Metadata) -> grpc.aio.ClientCallDetails:
    return grpc.aio.ClientCallDetails(
        details.method, details.timeout, metadata, details.credentials, details.wait_for_ready
    )


def server_name(peer: str) -> str:
    """The DNS name in the certificate of a service."""
    return f"{peer}.watchword"


async def ask(
    method: "grpc.aio.UnaryUnaryMultiCallable[Q, A]",
    request: Q,
    *,
    timeout: float = DEADLINE,
    wait_for_ready: bool = False,
    again: bool = False,
    metadata: tuple[tuple[str, str], ...] = (),
) -> A:
    """Asks a peer, with the correlation id of the request at hand. The positions that the peer wrote are noted.

    `again` says that happening twice does no harm: where the process that was asked is lost, another is asked, once.
    Raises the Refusal that the peer raised, or `peer_unavailable`: then it may or may not have happened.
    """
    sent = grpc.aio.Metadata((CORRELATION, correlation_id()), *metadata)
    until = asyncio.get_running_loop().time() + timeout
    while True:
        call = method(request, timeout=timeout, metadata=sent, wait_for_ready=wait_for_ready)
        try:
            answer = await call
        except grpc.aio.AioRpcError as error:
            refusal = refusal_of(error)
            timeout = until - asyncio.get_running_loop().time()
            if not (again and error.code() in _LOST and refusal.code in ("peer_unavailable", "draining")):
                raise refusal from error
            again = False
            continue
        _note(await call.trailing_metadata())
        return answer


def _note(trailing: grpc.aio.Metadata) -> None:
    for key, value in trailing:
        if key == positions.HEADER and isinstance(value, str):
            # A newer peer may name a log that this release does not know; that is no fault of the caller's.
            with suppress(Refusal):
                for name, position in positions.parse(value).items():
                    positions.note(name, position)
