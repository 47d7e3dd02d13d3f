"""An event is part of its request's trace, for its writer and for whoever applies it or reacts to it."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import SpanKind, StatusCode
from structlog.testing import capture_logs

from chassis.telemetry import correlate
from chassis.tracing import TRACES, exporting
from chassis.tracing.events import appending, applying, publishing, reacting
from chassis.tracing.export import Heard
from eventlog.events import Event, Recorded
from eventlog.log import Attempt, By, Log
from eventlog.projection import Drop, Projection, foreign
from eventlog.store import MemoryStore
from eventlog.trace import traceparent_of
from tests.harness.spans import Kept, parent_id, span_id, trace_id, tracing
from tests.unit.eventlog.counting import COUNTER, Counted, Processes, events


@pytest.fixture
def kept() -> Iterator[Kept]:
    with tracing() as kept:
        yield kept


async def written(correlation_id: str, key: str = "1", store: MemoryStore | None = None) -> Recorded:
    """The row of an event that was just written."""
    store = store or MemoryStore()
    sealer = Processes().log().sealer
    log = Log(store, events, sealer, lambda: time.time_ns() // 1000, append=appending(store.append))

    async def decision(attempt: Attempt) -> None:
        await attempt.write(COUNTER, key, Counted())

    await log.decide(By("acc_1", correlation_id), decision)
    return store.rows[-1]


async def requested() -> Recorded:
    """The row of an event that a request wrote."""
    spans = TRACES.spans
    assert spans is not None
    trace = correlate(None)
    request = spans.serve("request", {}, {})
    row = await written(trace)
    request.end({})
    return row


def projection(*changes: Drop) -> Projection:
    return Projection("counters", "test", foreign(events), lambda *_: changes)


async def test_without_a_collector_nothing_is_wrapped() -> None:
    async def react(_: Event, __: Recorded) -> None: ...

    append, applied = MemoryStore().append, projection()
    assert (appending(append), applying(applied), reacting("r", react)) == (append, applied, react)
    assert publishing("watchword.test.events.v1") is None


async def test_an_event_is_the_span_that_its_traceparent_names(kept: Kept) -> None:
    row = await requested()
    request, event = kept.one("request"), kept.one("append counter.counted")
    assert traceparent_of(row) == f"00-{trace_id(event)}-{span_id(event)}-01"
    assert (trace_id(event), parent_id(event)) == (trace_id(request), span_id(request))
    assert event.kind is SpanKind.PRODUCER
    assert dict(event.attributes or {}) == {"watchword.event": row.type, "watchword.position": 1}


async def test_what_is_applied_continues_the_trace(kept: Kept) -> None:
    row = await requested()
    await applying(projection(Drop("counter", "1"))).changes(row)
    applied = kept.one("apply counter.counted")
    assert (trace_id(applied), parent_id(applied)) == (row.correlation_id, span_id(kept.one("append counter.counted")))
    assert (applied.kind, (applied.attributes or {})["watchword.projection"]) == (SpanKind.CONSUMER, "counters")


async def test_what_changes_nothing_is_no_span(kept: Kept) -> None:
    await applying(projection()).changes(await requested())
    assert {span.name for span in kept.all()} == {"request", "append counter.counted"}


async def test_what_a_reaction_writes_is_part_of_the_trace(kept: Kept) -> None:
    row = await requested()
    written_too: list[Recorded] = []

    async def react(_: Event, cause: Recorded) -> None:
        written_too.append(await written(cause.correlation_id, "2"))

    await reacting("counting", react)(Counted(), row)
    reaction = kept.one("react counter.counted")
    first, second = [span for span in kept.all() if span.name == "append counter.counted"]
    assert [trace_id(span) for span in (reaction, second)] == [row.correlation_id] * 2
    assert (parent_id(reaction), parent_id(second)) == (span_id(first), span_id(reaction))
    assert traceparent_of(written_too[0]) == f"00-{trace_id(second)}-{span_id(second)}-01"


async def test_a_reaction_that_fails_shows_without_its_message(kept: Kept) -> None:
    async def react(_: Event, __: Recorded) -> None:
        raise ValueError("hunter2")

    row = await requested()
    with pytest.raises(ValueError, match="hunter2"):
        await reacting("counting", react)(Counted(), row)
    assert kept.one("react counter.counted").status.status_code is StatusCode.ERROR
    assert "hunter2" not in "".join(span.to_json() for span in kept.all())


async def test_what_the_relay_sends_continues_the_trace(kept: Kept) -> None:
    row, published = await requested(), publishing("watchword.test.events.v1")
    assert published is not None
    await published([row], time.time_ns())
    sent = kept.one("send watchword.test.events.v1")
    assert (trace_id(sent), parent_id(sent)) == (row.correlation_id, span_id(kept.one("append counter.counted")))


async def test_an_event_of_a_callers_own_id_is_in_no_trace(kept: Kept) -> None:
    row = await written("request-17")
    await applying(projection(Drop("counter", "1"))).changes(row)
    assert kept.all() == []


async def test_an_event_of_the_past_is_no_span(kept: Kept) -> None:
    """A reader that starts reads much that nobody waits for."""
    old = msgspec.structs.replace(await requested(), time=time.time_ns() // 1000 - 61_000_000)
    await applying(projection(Drop("counter", "1"))).changes(old)
    assert {span.name for span in kept.all()} == {"request", "append counter.counted"}


async def test_a_trace_is_sampled_whole_or_not_at_all() -> None:
    """Its reader decides as its writer did, by the trace id, although the log does not say."""
    with tracing(ParentBasedTraceIdRatio(0.5)) as kept:
        for _ in range(40):
            await applying(projection(Drop("counter", "1"))).changes(await requested())
    traces = Counter(trace_id(span) for span in kept.all())
    assert 0 < len(traces) < 40
    assert set(traces.values()) == {3}


class Answers(SpanExporter):
    """A way to a collector that answers as it is told."""

    def __init__(self, *answers: SpanExportResult) -> None:
        self._answers = list(answers)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._answers.pop(0)


def test_a_lost_collector_is_said_once_and_so_is_its_return() -> None:
    lost, taken = SpanExportResult.FAILURE, SpanExportResult.SUCCESS
    exporter = Heard(Answers(taken, lost, lost, lost, taken, taken), "http://127.0.0.1:4317")
    with capture_logs() as lines:
        for _ in range(6):
            exporter.export([])
    assert [line["event"] for line in lines] == ["traces_lost", "traces_taken_again"]


def test_a_collector_that_cannot_be_reached_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "2")
    started = time.monotonic()
    with exporting("trial", "http://127.0.0.1:9"):
        spans: Any = TRACES.spans
        for _ in range(5000):
            spans.serve("request", {}, {}).end({})
    assert TRACES.spans is None
    assert time.monotonic() - started < 10
    for left in threading.enumerate():  # else it says what was lost while another test listens
        if left.name == "last traces":
            left.join(20)
            assert not left.is_alive()
