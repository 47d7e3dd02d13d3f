"""What becomes a span, and how spans hang together.

A trace id is the correlation id of its request; a new trace takes the id that the request has been given. A span holds
no text that a caller chose but the correlation id: no address, name, body or error message.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

from opentelemetry import context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from chassis.telemetry import correlation_id
from eventlog.events import Recorded
from eventlog.store import Appended, Command
from eventlog.trace import span_of, trace_of

Attributes = dict[str, str | int]

# An event that arrives later than this, as when a reader starts, says nothing about the trace that it was part of.
LATE_NS = 60_000_000_000

_W3C = TraceContextTextMapPropagator()
_RANDOM = RandomIdGenerator()
_SPAN_ID: ContextVar[int] = ContextVar("span_id", default=0)
_NO_CONTEXT = context.Context()


class Ids(IdGenerator):
    """A new trace takes the correlation id; a span that is an event takes that event's."""

    def generate_trace_id(self) -> int:
        """See IdGenerator."""
        trace = trace_of(correlation_id())
        return _RANDOM.generate_trace_id() if trace is None else int(trace, 16)

    def generate_span_id(self) -> int:
        """See IdGenerator."""
        return _SPAN_ID.get() or _RANDOM.generate_span_id()


class Open:
    """A span that is the current one until it ends. It begins and ends in one task."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._token = context.attach(set_span_in_context(span))

    def end(self, attributes: Attributes, *, name: str | None = None, failed: bool = False) -> None:
        """Ends it. `failed` is for what is no fault of whoever asked."""
        context.detach(self._token)
        if self._span.is_recording():
            if name is not None:
                self._span.update_name(name)
            self._span.set_attributes(attributes)
            if failed:
                self._span.set_status(StatusCode.ERROR)
        self._span.end()


class Spans:
    """Makes the spans of one process."""

    def __init__(self, provider: TracerProvider) -> None:
        self._sampler = provider.sampler
        self._tracer = provider.get_tracer("watchword")

    def serve(self, name: str, headers: Mapping[str, str], attributes: Attributes) -> Open:
        """A request or call that is served, after `correlate`; `headers` may hold the caller's `traceparent`."""
        caller = _W3C.extract({key: headers[key] for key in _W3C.fields if key in headers}, _NO_CONTEXT)
        span = self._tracer.start_span(name, caller, SpanKind.SERVER, attributes)
        if _trace(span) != correlation_id():
            span.set_attribute("watchword.correlation_id", correlation_id())
        return Open(span)

    def ask(self, name: str, attributes: Attributes) -> tuple[Open, dict[str, str]]:
        """A question to a peer, and the headers that tell the peer of it."""
        headers: dict[str, str] = {}
        asked = Open(self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes))
        _W3C.inject(headers)
        return asked, headers

    def appended(self, command: Command, appended: Appended, started: int) -> None:
        """Each event of a command, as what the request at hand did; `started` in nanoseconds since 1970."""
        if command.correlation_id != _trace(get_current_span()):
            return
        events = [
            (span_of(command.id, write.stream, version), event.type)
            for write in command.writes
            for version, event in enumerate(write.events, write.expected + 1)
        ]
        for position, (span_id, type_) in enumerate(events, appended.first):
            token = _SPAN_ID.set(int(span_id, 16))
            try:
                self._done(f"append {_short(type_)}", SpanKind.PRODUCER, None, started, _event(type_, position))
            finally:
                _SPAN_ID.reset(token)

    def applied(self, projection: str, row: Recorded, started: int) -> None:
        """An event that changed what a projection holds here."""
        cause = self._cause(row)
        if cause is not None:
            attributes = _event(row.type, row.position) | {"watchword.projection": projection}
            self._done(f"apply {_short(row.type)}", SpanKind.CONSUMER, cause, started, attributes)

    def published(self, topic: str, row: Recorded, started: int) -> None:
        """An event that the relay has put into a topic."""
        cause = self._cause(row)
        if cause is not None:
            attributes = _event(row.type, row.position) | {
                "messaging.system": "kafka",
                "messaging.operation.type": "send",
                "messaging.destination.name": topic,
            }
            self._done(f"send {topic}", SpanKind.PRODUCER, cause, started, attributes)

    def reacting(self, reaction: str, row: Recorded) -> AbstractContextManager[None]:
        """What is done because of an event."""
        cause = self._cause(row)
        return nullcontext() if cause is None else self._reacting(reaction, row, cause)

    @contextmanager
    def _reacting(self, reaction: str, row: Recorded, cause: context.Context) -> Iterator[None]:
        attributes = _event(row.type, row.position) | {"watchword.reaction": reaction}
        span = Open(self._tracer.start_span(f"react {_short(row.type)}", cause, SpanKind.CONSUMER, attributes))
        failed = True
        try:
            yield
            failed = False
        finally:
            span.end({}, failed=failed)

    def _done(
        self, name: str, kind: SpanKind, cause: context.Context | None, started: int, attributes: Attributes
    ) -> None:
        self._tracer.start_span(name, cause, kind, attributes, start_time=started).end()

    def _cause(self, row: Recorded) -> context.Context | None:
        """The event as a parent; None where it is part of no trace, of one that is not sampled, or of the past."""
        trace = trace_of(row.correlation_id)
        if trace is None or time.time_ns() - row.time * 1000 > LATE_NS:
            return None
        if self._sampler.should_sample(_NO_CONTEXT, int(trace, 16), "").decision is not Decision.RECORD_AND_SAMPLE:
            return None
        span = int(span_of(row.command_id, row.stream, row.version), 16)
        event = SpanContext(int(trace, 16), span, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))
        return set_span_in_context(NonRecordingSpan(event), _NO_CONTEXT)


def _trace(span: Span) -> str:
    return f"{span.get_span_context().trace_id:032x}"


def _short(type_: str) -> str:
    """watchword.identity.session.started.v1 → session.started"""
    return ".".join(type_.split(".")[2:-1])


def _event(type_: str, position: int) -> Attributes:
    return {"watchword.event": type_, "watchword.position": position}
