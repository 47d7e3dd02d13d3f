"""An event's place in a trace follows from its row."""

import re

import pytest

from eventlog.events import Recorded
from eventlog.trace import span_of, trace_of, traceparent_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def row(correlation_id: str, version: int = 1) -> Recorded:
    return Recorded(
        position=7,
        stream="session/ses_1",
        version=version,
        type="watchword.identity.session.started.v1",
        time=0,
        command_id="c",
        actor="acc_1",
        correlation_id=correlation_id,
        body=b"{}",
    )


def test_an_event_whose_request_was_traced_names_its_own_span_in_that_trace() -> None:
    made = traceparent_of(row(TRACE))
    assert made is not None
    assert re.fullmatch(f"00-{TRACE}-[0-9a-f]{{16}}-01", made)
    assert made == traceparent_of(row(TRACE))


def test_two_events_of_one_request_are_two_spans() -> None:
    assert traceparent_of(row(TRACE, 1)) != traceparent_of(row(TRACE, 2))
    assert len({span_of("c", "s", 11), span_of("c", "s1", 1), span_of("c1", "s", 1), span_of("d", "s", 1)}) == 4


@pytest.mark.parametrize("correlation_id", ["", "request-17", "0" * 32, TRACE.upper(), TRACE[:-1], f"{TRACE}\n"])
def test_what_is_no_trace_id_makes_no_trace(correlation_id: str) -> None:
    assert trace_of(correlation_id) is None
    assert traceparent_of(row(correlation_id)) is None
