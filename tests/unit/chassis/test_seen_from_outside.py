"""Logs without secrets, an id that follows a request, readiness with reasons, metrics with projections."""

import asyncio
import json
import logging
from collections.abc import Iterator, Sequence
from contextvars import copy_context
from dataclasses import dataclass

import httpx2
import pytest
import structlog

from chassis.readiness import Readiness
from chassis.telemetry import configure_logging, correlate, correlation_id
from chassis.web import application
from eventlog.errors import LogUnavailable


@pytest.fixture
def logging_restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.usefixtures("logging_restored")
def test_a_log_line_names_service_and_request_and_hides_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("trial", "json")
    copy_context().run(_log_as, "request-17")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert (first["service"], first["correlation_id"], first["event"]) == ("trial", "request-17", "tried")
    assert (first["password"], first["client_secret"], first["account_id"]) == ("***", "***", "acc_1")
    assert "hunter2" not in str(first)
    assert (second["event"], second["level"], second["logger"]) == ("from a library", "warning", "library")


def _log_as(request: str) -> None:
    correlate(request)
    structlog.get_logger("a").info("tried", password="hunter2", client_secret="hunter2", account_id="acc_1")
    logging.getLogger("library").warning("from a %s", "library")


@pytest.mark.usefixtures("logging_restored")
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_shows_no_local_variables(capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    configure_logging("trial", "json" if log_format == "json" else "console")
    _fail("hunter2")
    told = capsys.readouterr().err
    assert "ValueError" in told
    assert "hunter2" not in told


def _fail(password: str) -> None:
    try:
        raise ValueError(len(password))
    except ValueError:
        structlog.get_logger("a").exception("failed")


@pytest.mark.parametrize(
    ("offered", "traceparent", "taken"),
    [
        ("request-17", None, "request-17"),
        (None, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("two\nlines", "nonsense", None),
        ("a" * 65, None, None),
        (None, None, None),
    ],
)
def test_a_request_keeps_its_id_or_is_given_one(
    offered: str | None, traceparent: str | None, taken: str | None
) -> None:
    def chosen() -> str:
        assert correlate(offered, traceparent) == correlation_id()
        return correlation_id()

    made = copy_context().run(chosen)
    assert made == taken or (taken is None and len(made) == 32)


@dataclass(frozen=True, slots=True)
class State:
    name: str
    log: str
    applied: int
    head: int
    lag: float | None
    parked: tuple[str, ...]
    via: str
    trouble: str | None
    noticed: dict[str, int]


async def _states() -> Sequence[State]:
    behind = State("sessions", "identity", 7, 9, 0.25, ("account/acc_1",), "feed", "topic_lost", {"record_foreign": 2})
    return [behind, State("new", "token", 0, 0, None, (), "kafka", None, {})]


async def get(readiness: Readiness, path: str) -> httpx2.Response:
    app = application(title="trial", readiness=readiness, origins=frozenset())
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://own.test") as client:
        return await client.get(path)


async def test_readiness_depends_on_its_checks_and_shows_the_projections() -> None:
    readiness = Readiness()
    reasons: list[str | None] = [None]

    async def check() -> str | None:
        return reasons[0]

    readiness.add("database", check)
    readiness.show(_states)
    assert (await get(readiness, "/readyz")).status_code == 200
    reasons[0] = "the database does not answer"
    assert (await get(readiness, "/readyz")).status_code == 503
    assert (await get(readiness, "/livez")).status_code == 200
    assert (await get(readiness, "/readyz?verbose")).json() == {
        "ready": False,
        "checks": {"database": {"ok": False, "reason": "the database does not answer"}},
        "projections": [
            {
                "name": "sessions",
                "log": "identity",
                "applied": 7,
                "head": 9,
                "lag_seconds": 0.25,
                "parked": ["account/acc_1"],
                "via": "feed",
                "trouble": "topic_lost",
                "noticed": {"record_foreign": 2},
            },
            {
                "name": "new",
                "log": "token",
                "applied": 0,
                "head": 0,
                "lag_seconds": None,
                "parked": [],
                "via": "kafka",
                "trouble": None,
                "noticed": {},
            },
        ],
    }


async def test_a_check_that_does_not_answer_counts_as_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.readiness.PATIENCE", 0.02)
    readiness = Readiness()

    async def hang() -> str | None:
        await asyncio.Event().wait()
        return None

    readiness.add("hangs", hang)
    assert (await readiness.report()).checks == {"hangs": "no answer in time"}


async def test_metrics_show_requests_and_projections() -> None:
    readiness = Readiness()
    readiness.show(_states)
    await get(readiness, "/livez")
    told = (await get(readiness, "/metrics")).text
    assert 'watchword_http_request_seconds_count{method="GET",route="/livez",status="200"}' in told
    assert 'watchword_projection_applied{log="identity",projection="sessions"} 7.0' in told
    assert 'watchword_projection_head{log="identity",projection="sessions"} 9.0' in told
    assert 'watchword_projection_lag_seconds{log="identity",projection="sessions"} 0.25' in told
    assert 'watchword_projection_parked{log="identity",projection="sessions"} 1.0' in told
    assert 'lag_seconds{log="token"' not in told
    assert 'watchword_projection_via{log="token",projection="new",via="kafka"} 1.0' in told
    assert 'watchword_projection_trouble{code="topic_lost",log="identity",projection="sessions"} 1.0' in told
    assert 'watchword_projection_noticed{code="record_foreign",log="identity",projection="sessions"} 2.0' in told
    assert 'trouble{log="token"' not in told
    assert 'watchword_projection_noticed{code="record_corrupt",log="token",projection="new"} 0.0' in told


@dataclass(frozen=True, slots=True)
class Relaying:
    holding: bool = True
    holder: str = "7f3a"
    position: int = 7
    head: int = 9
    lag: float | None = 1.25
    seen_age: float | None = None
    trouble: str = "kafka_lost"
    detail: str = "Kafka does not answer"


async def _relaying() -> Relaying:
    return Relaying()


async def test_the_relay_is_shown_and_decides_nothing() -> None:
    readiness = Readiness()
    assert "relay" not in (await get(readiness, "/readyz?verbose")).json()
    assert "watchword_relay" not in (await get(readiness, "/metrics")).text
    readiness.show_relay(_relaying)
    report = await get(readiness, "/readyz?verbose")
    assert (report.status_code, report.json()["relay"]) == (
        200,
        {
            "holding": True,
            "holder": "7f3a",
            "position": 7,
            "head": 9,
            "lag_seconds": 1.25,
            "seen_age_seconds": None,
            "trouble": "kafka_lost",
            "detail": "Kafka does not answer",
        },
    )
    told = (await get(readiness, "/metrics")).text
    for line in ("holding 1.0", "position 7.0", "head 9.0", "lag_seconds 1.25", 'trouble{code="kafka_lost"} 1.0'):
        assert f"watchword_relay_{line}\n" in told
    assert "\nwatchword_relay_seen_age_seconds " not in told


async def test_a_relay_whose_state_cannot_be_read_is_not_shown() -> None:
    readiness = Readiness()

    async def unreadable() -> Relaying:
        raise LogUnavailable

    readiness.show_relay(unreadable)
    assert (await get(readiness, "/readyz?verbose")).status_code == 200
    assert (await get(readiness, "/metrics")).status_code == 200


async def test_a_path_that_is_none_makes_no_series_of_its_own() -> None:
    await get(Readiness(), "/wp-admin/17")
    told = (await get(Readiness(), "/metrics")).text
    assert "wp-admin" not in told
    assert 'route="unmatched"' in told
