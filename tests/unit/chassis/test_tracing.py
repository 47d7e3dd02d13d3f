"""Requests and calls hang together as one trace, which tells nothing secret; where none is wanted, none is made."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from chassis.rpc import by, connect
from chassis.telemetry import correlate
from tests.harness.spans import Kept, parent_id, span_id, trace_id, tracing
from tests.unit.chassis.rpc_served import DEMO, LIST, asked, running
from tests.unit.chassis.web_served import JSON
from tests.unit.chassis.web_served import asked as requested
from watchword.log.v1 import log_pb2, log_pb2_grpc

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = {"traceparent": f"00-{TRACE}-{SPAN}-01"}


@pytest.fixture
def kept() -> Iterator[Kept]:
    with tracing() as kept:
        yield kept


@pytest.mark.parametrize("service", ["identity", "token", "policy"])
def test_without_a_collector_no_sdk_is_imported(service: str) -> None:
    code = f"import sys, services.{service}.__main__; print([name for name in sys.modules if 'opentelemetry.' in name])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "opentelemetry.sdk" not in said
    assert "opentelemetry.exporter" not in said


async def test_a_request_is_a_span_named_by_its_route_alone(kept: Kept) -> None:
    answer = await requested("GET", "/v1/things/7?code=hunter2")
    span = kept.one("GET /v1/things/{number}")
    assert (span.kind, parent_id(span)) == (SpanKind.SERVER, None)
    assert trace_id(span) == answer.headers["x-correlation-id"]
    assert dict(span.attributes or {}) == {
        "http.request.method": "GET",
        "http.route": "/v1/things/{number}",
        "http.response.status_code": 200,
    }


async def test_a_request_continues_its_callers_trace(kept: Kept) -> None:
    await requested("GET", "/v1/things/7", headers=PARENT)
    (span,) = kept.all()
    assert (trace_id(span), parent_id(span)) == (TRACE, SPAN)


async def test_what_its_caller_does_not_sample_is_not_kept(kept: Kept) -> None:
    await requested("GET", "/v1/things/7", headers={"traceparent": f"00-{TRACE}-{SPAN}-00"})
    assert kept.all() == []


@pytest.mark.parametrize(
    "wrong", ["nonsense", f"00-{'0' * 32}-{SPAN}-01", f"ff-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}"]
)
async def test_a_traceparent_that_is_none_begins_a_trace(kept: Kept, wrong: str) -> None:
    answer = await requested("GET", "/v1/things/7", headers={"traceparent": wrong})
    (span,) = kept.all()
    assert parent_id(span) is None
    assert trace_id(span) == answer.headers["x-correlation-id"] != TRACE


async def test_a_callers_own_id_is_kept_and_told_beside_the_trace(kept: Kept) -> None:
    answer = await requested("GET", "/v1/things/7", headers=PARENT | {"x-correlation-id": "request-17"})
    assert answer.headers["x-correlation-id"] == "request-17"
    (span,) = kept.all()
    assert (trace_id(span), (span.attributes or {})["watchword.correlation_id"]) == (TRACE, "request-17")


async def test_a_failure_shows_without_its_message(kept: Kept) -> None:
    await requested("GET", "/v1/fails")
    await requested("POST", "/v1/things", content=b'{"name": "hunter2", "size": "x"}', headers=JSON)
    await requested("GET", "/nowhere/hunter2")
    failed, invalid, unmatched = kept.all()
    assert [one.status.status_code for one in kept.all()] == [StatusCode.ERROR, StatusCode.UNSET, StatusCode.UNSET]
    assert (failed.name, invalid.name, unmatched.name) == ("GET /v1/fails", "POST /v1/things", "any unmatched")
    assert "hunter2" not in "".join(one.to_json() for one in kept.all())


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
async def test_probes_are_not_traced(kept: Kept, path: str) -> None:
    await requested("GET", path)
    assert kept.all() == []


async def test_a_call_is_one_trace_on_both_sides(kept: Kept) -> None:
    async def name(_: Any) -> str:
        return by().correlation_id

    async with running({LIST: {"backend/*"}}, name) as (_, port):
        given = correlate(None)
        assert await asked(port, DEMO) == given
    served, sent = kept.all()
    assert (served.name, served.kind, sent.name, sent.kind) == (LIST, SpanKind.SERVER, LIST, SpanKind.CLIENT)
    assert (trace_id(served), parent_id(served)) == (trace_id(sent), span_id(sent)) == (given, span_id(sent))
    assert {(one.attributes or {})["rpc.response.status_code"] for one in (served, sent)} == {"OK"}


async def test_a_refused_call_is_no_fault_of_the_service(kept: Kept) -> None:
    async with running({LIST: set()}) as (_, port):
        with pytest.raises(Exception, match="peer_unavailable"):
            await asked(port, DEMO)
    assert {(one.attributes or {})["rpc.response.status_code"] for one in kept.all()} == {"PERMISSION_DENIED"}
    assert {one.status.status_code for one in kept.all()} == {StatusCode.UNSET}


async def test_streams_are_not_traced(kept: Kept) -> None:
    async with running({}) as (_, port), connect(f"127.0.0.1:{port}", DEMO, "token") as channel:
        call = log_pb2_grpc.EventLogServiceStub(channel).Read()
        await call.write(log_pb2.ReadRequest())
        await call.read()
        call.cancel()
    assert kept.all() == []
