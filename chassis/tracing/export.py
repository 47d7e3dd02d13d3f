"""The way to the collector: a bounded queue and a thread of its own, so that it never holds anybody up."""

import logging
import secrets
import threading
from collections.abc import Sequence

import structlog
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from chassis.tracing.spans import Ids

END = 1.0

log: structlog.stdlib.BoundLogger = structlog.get_logger()


def provider(service: str, collector: str) -> TracerProvider:
    """Spans of `watchword-<service>` go to the collector's URL; https is TLS.

    How many are sampled and how they are batched can be set as OpenTelemetry has it: OTEL_TRACES_SAMPLER, OTEL_BSP_….
    """
    # It says each failure several times; what matters is said once, below.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    resource = Resource.create({"service.name": f"watchword-{service}", "service.instance.id": secrets.token_hex(8)})
    made = TracerProvider(resource=resource, id_generator=Ids(), shutdown_on_exit=False)
    made.add_span_processor(BatchSpanProcessor(Heard(OTLPSpanExporter(collector), collector)))
    return made


def end(exports: TracerProvider) -> None:
    """Sends what is left, for at most a second."""
    ending = threading.Thread(target=exports.shutdown, name="last traces", daemon=True)
    ending.start()
    ending.join(END)


class Heard(SpanExporter):
    """Says when the collector is lost and when it is back, each once."""

    def __init__(self, exporter: SpanExporter, collector: str) -> None:
        self._exporter = exporter
        self._collector = collector
        self._lost = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """See SpanExporter."""
        result = self._exporter.export(spans)
        lost = result is not SpanExportResult.SUCCESS
        if lost and not self._lost:
            log.warning("traces_lost", collector=self._collector, reason="the collector does not take them")
        elif self._lost and not lost:
            log.info("traces_taken_again", collector=self._collector)
        self._lost = lost
        return result

    def shutdown(self) -> None:
        """See SpanExporter."""
        self._exporter.shutdown()
