"""An OpenTelemetry collector of one's own, in this process: it keeps the spans that it is sent."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1 import trace_pb2


@dataclass(frozen=True, slots=True)
class Seen:
    """A span as it arrived. Ids are lowercase hex; `parent` is empty where there is none."""

    service: str
    name: str
    kind: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, str]
    failed: bool
    raw: bytes


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Answers TraceService/Export."""

    def __init__(self) -> None:
        self.url = ""
        self.spans: list[Seen] = []

    def Export(self, request: Any, context: Any) -> trace_service_pb2.ExportTraceServiceResponse:
        for resource in request.resource_spans:
            service = _texts(resource.resource.attributes)["service.name"]
            self.spans += [_seen(service, span) for scope in resource.scope_spans for span in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()

    def of(self, trace: str) -> list[Seen]:
        """What has arrived of a trace so far."""
        return [span for span in tuple(self.spans) if span.trace == trace]


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a free port, in threads of its own: tests may block meanwhile."""
    server, collector = grpc.server(ThreadPoolExecutor(2), options=(("grpc.so_reuseport", 0),)), Collector()
    add: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
    add(collector, server)
    collector.url = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield collector
    finally:
        server.stop(0).wait()


def _seen(service: str, span: trace_pb2.Span) -> Seen:
    return Seen(
        service=service,
        name=span.name,
        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        attributes=_texts(span.attributes),
        failed=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        raw=span.SerializeToString(),
    )


def _texts(attributes: Any) -> dict[str, str]:
    return {one.key: one.value.string_value or str(one.value.int_value) for one in attributes}
