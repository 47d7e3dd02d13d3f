"""/livez, /readyz, /metrics: how a process is seen from outside."""

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from chassis.readiness import Readiness, Report
from chassis.telemetry import ProjectionGauges, ProjectionState, RelayGauges, RelayState
from chassis.web.gate import Handler
from chassis.web.problem import Json


def operations(readiness: Readiness) -> dict[tuple[str, str], Handler]:
    """The handlers by method and path."""

    async def livez(_: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def readyz(request: Request) -> Response:
        if "verbose" in request.query_params:
            report = await readiness.report()
            return Json(_shown(report), 200 if report.ready else 503)
        ready = await readiness.ready()
        return PlainTextResponse("ready\n" if ready else "not ready\n", 200 if ready else 503)

    async def metrics(_: Request) -> Response:
        gauges = CollectorRegistry()
        gauges.register(ProjectionGauges(await readiness.projections()))
        if (relay := await readiness.relay()) is not None:
            gauges.register(RelayGauges(relay))
        return Response(generate_latest(REGISTRY) + generate_latest(gauges), media_type=CONTENT_TYPE_LATEST)

    return {("GET", "/livez"): livez, ("GET", "/readyz"): readyz, ("GET", "/metrics"): metrics}


def _shown(report: Report) -> dict[str, object]:
    return {
        "ready": report.ready,
        "checks": {name: {"ok": reason is None, "reason": reason or ""} for name, reason in report.checks.items()},
        "projections": [_projection(state) for state in report.projections],
        **({} if report.relay is None else {"relay": _relay(report.relay)}),
    }


def _relay(state: RelayState) -> dict[str, object]:
    return {
        "holding": state.holding,
        "holder": state.holder,
        "position": state.position,
        "head": state.head,
        "lag_seconds": None if state.lag is None else round(state.lag, 3),
        "seen_age_seconds": None if state.seen_age is None else round(state.seen_age, 3),
        "trouble": state.trouble,
        "detail": state.detail,
    }


def _projection(state: ProjectionState) -> dict[str, object]:
    return {
        "name": state.name,
        "log": state.log,
        "applied": state.applied,
        "head": state.head,
        "lag_seconds": None if state.lag is None else round(state.lag, 3),
        "parked": list(state.parked),
        "via": state.via,
        "trouble": state.trouble,
        "noticed": dict(state.noticed),
    }
