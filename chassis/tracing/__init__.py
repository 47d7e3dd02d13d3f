"""Traces, exported over OTLP where a collector is set. Where none is, OpenTelemetry's SDK is not even imported.

events.py   events, as they are written, applied and reacted to
spans.py    what becomes a span, and how spans hang together
export.py   the way to the collector, which never holds anybody up
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chassis.tracing.spans import Spans

__all__ = ["TRACES", "exporting"]


class Traces:
    """What this process traces with; None where it does not trace, which each place asks with one `if`."""

    spans: "Spans | None" = None


TRACES = Traces()


@contextmanager
def exporting(service: str, collector: str | None) -> Iterator[None]:
    """Traces, where there is a collector (an OTLP URL), as `watchword-<service>`. What is left goes out at the end."""
    if collector is None:
        yield
        return
    from chassis.tracing.export import end, provider
    from chassis.tracing.spans import Spans

    exports = provider(service, collector)
    TRACES.spans = Spans(exports)
    try:
        yield
    finally:
        TRACES.spans = None
        end(exports)
