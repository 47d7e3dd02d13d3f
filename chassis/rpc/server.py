"""The gRPC server: mutual TLS, one door for every call, health and reflection."""

import asyncio
import inspect
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import grpc
import grpc.aio
from google.protobuf import descriptor_pool
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from chassis import positions
from chassis.readiness import PortTaken
from chassis.rpc.callers import EVERYBODY, Acting, Admission, Allowed, Context
from chassis.rpc.client import CORRELATION, MAX_MESSAGE
from chassis.rpc.status import DETAILS, FAULTS, internal, status_of
from chassis.rpc.strict import each_fit, fit, strictly
from chassis.rpc.tls import Tls
from chassis.telemetry import CALLS, Served, correlate, correlation_id, log
from chassis.tracing import TRACES
from eventlog.errors import Refusal, unavailable

if TYPE_CHECKING:
    from chassis.tracing.spans import Open, Spans

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Found: TypeAlias = "grpc.RpcMethodHandler[Any, Any] | None"
Fitting = Callable[[Any], Any]
S = TypeVar("S")

CONNECTIONS = 2_048
"""Callers that are connected at once, at most; a fleet that has more of them has more processes."""
STREAMS = 1_024
"""Calls of one connection at once; further ones wait."""

_OPTIONS: tuple[tuple[str, Any], ...] = (
    # A second server on a taken port must fail, not share it in silence.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    ("grpc.max_send_message_length", MAX_MESSAGE),
    ("grpc.max_metadata_size", 16 * 1024),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    # Peers have certificates: a burst of gRPC's own pings, such as its bandwidth probes, must not cut off a call.
    ("grpc.http2.max_ping_strikes", 0),
    # Each costs a descriptor and memory; who does not finish its handshake has no certificate and is nobody.
    ("grpc.max_allowed_incoming_connections", CONNECTIONS),
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_concurrent_streams", STREAMS),
    # Who has to connect anew finds processes that were added; what is under way on the old connection goes on.
    ("grpc.max_connection_age_ms", 600_000),
)
_HEALTH: Allowed = {f"{health.SERVICE_NAME}/{method}": EVERYBODY for method in ("Check", "Watch")}
_REFLECTION = f"{reflection.SERVICE_NAME}/ServerReflectionInfo"


class Door(grpc.aio.ServerInterceptor):
    """What every call passes: who calls and may they, positions, errors, metrics."""

    def __init__(self, admission: Admission, waiting: positions.Waiting | None = None) -> None:
        self.admission = admission
        self.waiting = waiting
        self._streams: set[asyncio.Task[Any]] = set()
        self._draining = False
        self._guarded: dict[str, Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Found]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Found:
        """See grpc.aio.ServerInterceptor."""
        method = handler_call_details.method
        if method not in self._guarded:
            handler = await continuation(handler_call_details)
            if handler is None:
                return None
            self._guarded[method] = self._guard(method.lstrip("/"), handler)
        return self._guarded[method]

    def _guard(self, method: str, handler: Handler) -> Handler:
        codecs = {
            "request_deserializer": strictly(handler.request_deserializer),
            "response_serializer": handler.response_serializer,
        }
        if handler.unary_unary:
            return grpc.unary_unary_rpc_method_handler(self._unary(method, handler.unary_unary, fit), **codecs)
        if handler.stream_unary:
            return grpc.stream_unary_rpc_method_handler(self._unary(method, handler.stream_unary, each_fit), **codecs)
        if handler.unary_stream:
            return grpc.unary_stream_rpc_method_handler(self._stream(method, handler.unary_stream, fit), **codecs)
        return grpc.stream_stream_rpc_method_handler(self._stream(method, handler.stream_stream, each_fit), **codecs)

    def _unary(self, method: str, inner: Any, fitting: Fitting) -> Any:
        async def served(request: Any, context: Context) -> Any:
            async with _Call(method, context) as call:
                noted = positions.begin()
                await self._enter(method, context, call)
                answer = await inner(fitting(request), context)
                if noted:
                    context.set_trailing_metadata(((positions.HEADER, positions.render(noted)),))
                return answer

        return served

    def _stream(self, method: str, inner: Any, fitting: Fitting) -> Any:
        answering = inner if inspect.isasyncgenfunction(inner) else _writing(inner)

        async def served(request: Any, context: Context) -> AsyncIterator[Any]:
            answered = self._answers(method, answering, fitting, request, context)
            async with _Call(method, context), aclosing(answered) as answers:
                async for answer in answers:
                    yield answer

        return served

    async def _answers(
        self, method: str, answering: Any, fitting: Fitting, request: Any, context: Context
    ) -> AsyncGenerator[Any]:
        with self._streaming():
            acting = await self._enter(method, context)
            async with aclosing(answering(fitting(request), context)) as answers:
                async for answer in answers:
                    self.admission.still_valid(acting.caller, method)
                    yield answer

    @contextmanager
    def _streaming(self) -> Iterator[None]:
        task = asyncio.current_task()
        assert task is not None
        self._streams.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if not self._draining:
                raise
            task.uncancel()
            raise unavailable("draining", "this process is stopping") from None
        finally:
            self._streams.discard(task)

    async def _enter(self, method: str, context: Context, call: "_Call | None" = None) -> Acting:
        metadata = [(key, value) for key, value in context.invocation_metadata() or () if isinstance(value, str)]
        sent = dict(metadata)
        correlate(sent.get(CORRELATION), sent.get("traceparent"))
        if call is not None and TRACES.spans is not None:
            call.trace(TRACES.spans, sent)
        acting = await self.admission.admit(context, method)
        if self.waiting is not None and positions.HEADER in sent:
            wanted = ",".join(value for key, value in metadata if key == positions.HEADER)
            await self.waiting.until(positions.parse(wanted))
        return acting

    def drain(self) -> None:
        """Ends every stream with `draining`, those that begin from now on included."""
        self._draining = True
        for task in self._streams:
            task.cancel()


def _writing(inner: Any) -> Any:
    """A handler that writes to its context, as one that yields."""

    async def answers(request: Any, context: Context) -> AsyncGenerator[Any]:
        for nothing in await inner(request, context) or ():
            yield nothing

    return answers


class _Call:
    """One call's time, its span, and how its error is said."""

    def __init__(self, method: str, context: Context) -> None:
        self._method = method
        self._context = context
        self._started = time.perf_counter()
        self._span: Open | None = None

    async def __aenter__(self) -> "_Call":
        return self

    def trace(self, spans: "Spans", sent: Mapping[str, str]) -> None:
        """From here on. For calls that have an answer: a stream would be a span without an end."""
        if self._method.startswith("watchword."):
            self._span = spans.serve(self._method, sent, {"rpc.system.name": "grpc", "rpc.method": self._method})

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        match error:
            case None:
                self._observe("OK")
            case Refusal():
                await self._abort(*status_of(error))
            case grpc.aio.BaseError():
                self._observe("ABORTED")
            case Exception():
                log.error("call_failed", method=self._method, exc_info=error)
                await self._abort(*internal(correlation_id()))
            case _:
                self._observe("CANCELLED")

    async def _abort(self, code: grpc.StatusCode, text: str, status: bytes) -> None:
        self._observe(code.name)
        await self._context.abort(code, text, ((DETAILS, status),))

    def _observe(self, code: str) -> None:
        if self._span is not None:
            self._span.end({"rpc.response.status_code": code}, failed=code in FAULTS)
        _SERVED.tell(time.perf_counter() - self._started, self._method, code)


_SERVED = Served(CALLS)


class RpcServer:
    """One process's gRPC server. Add services, start, serve; drain, stop."""

    def __init__(self, tls: Tls, admission: Admission, waiting: positions.Waiting | None = None) -> None:
        self._tls = tls
        self._door = Door(admission, waiting)
        self._server = grpc.aio.server(interceptors=[self._door], options=_OPTIONS)
        self._health = health.aio.HealthServicer()
        self.add(health_pb2_grpc.add_HealthServicer_to_server, self._health, _HEALTH)

    def add(self, add_to_server: Callable[[S, grpc.aio.Server], None], servicer: S, allowed: Allowed) -> None:
        """Serves a servicer to the callers listed for each of its methods.

        `allowed` goes from "package.Service/Method" to labels: "service/identity", "backend/*", GRANTED (by name),
        ADMINISTRATOR (an operator's certificate, or an authorized bearer). A method that is not listed serves nobody.
        """
        for method in allowed:
            descriptor_pool.Default().FindMethodByName(method.replace("/", "."))
        add_to_server(servicer, self._server)
        self._door.admission.allowed.update(allowed)

    async def start(self, address: str) -> int:
        """Listens at HOST:PORT; returns the port. Raises PortTaken."""
        await self.serving(False)
        reflection.enable_server_reflection([*self._names(), reflection.SERVICE_NAME], self._server)
        self._door.admission.allowed[_REFLECTION] = EVERYBODY
        try:
            port = self._server.add_secure_port(address, self._tls.for_server())
        except RuntimeError:
            raise PortTaken(f"gRPC cannot listen on {address}: the port is taken, or the address is not here") from None
        await self._server.start()
        return port

    async def serving(self, ready: bool) -> None:
        """What grpc.health.v1 says, for the process and each of its services."""
        status = health_pb2.HealthCheckResponse.SERVING if ready else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *self._names()):
            await self._health.set(name, status)

    async def stop(self, grace: float = 2.0) -> None:
        """Takes no more calls, ends the streams, and gives the other calls `grace` seconds to finish."""
        stopping = asyncio.ensure_future(self._server.stop(grace))
        self._door.drain()
        await stopping

    def _names(self) -> list[str]:
        return sorted({method.partition("/")[0] for method in self._door.admission.allowed} - {reflection.SERVICE_NAME})
