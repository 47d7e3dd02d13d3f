"""Logs, the correlation id and the metrics that every process has."""

import logging
import re
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Protocol

import structlog
from prometheus_client import Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from chassis.settings import LogFormat

_CORRELATION: ContextVar[str] = ContextVar("correlation_id", default="")
_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
_SECRET = re.compile(r"password|secret|token|cookie|authorization|private|dsn|api_key|key_encryption", re.IGNORECASE)
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

REQUESTS = Histogram(
    "watchword_http_request_seconds", "Time of a REST request", ["method", "route", "status"], buckets=_BUCKETS
)
CALLS = Histogram("watchword_grpc_call_seconds", "Time of a gRPC call", ["method", "code"], buckets=_BUCKETS)
SAMPLED = 1_000
"""One in so many requests is a line in the log."""
REFUSED_BY_LIMIT = Counter("watchword_refused_by_limit", "Attempts refused by a limit", ["limit"])

log: structlog.stdlib.BoundLogger = structlog.get_logger("chassis")


def correlation_id() -> str:
    """The id that follows a request over REST, gRPC and into its events; made where there is none yet."""
    return _CORRELATION.get() or correlate(None)


def correlate(offered: str | None, traceparent: str | None = None) -> str:
    """Takes the id that a caller offered, else the trace id of a W3C traceparent, else makes one; returns it."""
    chosen = _accepted(offered) or _trace(traceparent) or secrets.token_hex(16)
    _CORRELATION.set(chosen)
    return chosen


def _accepted(offered: str | None) -> str | None:
    return offered if offered and _ACCEPTED_ID.fullmatch(offered) else None


def _trace(traceparent: str | None) -> str | None:
    match = _TRACEPARENT.fullmatch(traceparent or "")
    return match.group(1) if match else None


class Served:
    """Tells of what was served: each time in a series of its own, and now and then in a line of the log.

    A line for every request would cost a busy service more than many of them do.
    """

    def __init__(self, series: Histogram) -> None:
        # Finding a series by its labels costs more than adding to it. They are few: names are templates.
        self._series = lru_cache(maxsize=1024)(series.labels)
        self._until_next = 1

    def tell(self, seconds: float, *labels: object) -> None:
        """`labels` as the series has them."""
        self._series(*labels).observe(seconds)
        self._until_next -= 1
        if self._until_next == 0:
            self._until_next = SAMPLED
            log.info("served", what=" ".join(map(str, labels)), ms=round(1000 * seconds, 1), one_in=SAMPLED)


def configure_logging(service: str, log_format: LogFormat = "json", level: str = "info") -> None:
    """Sends every line, the libraries' included, to stderr through structlog. What is named like a secret is hidden."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _correlated,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _named(service),
        hide_secrets,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendered(log_format)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("uvicorn", "httpx2", "httpcore2"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # It says the same each 100 ms that a cluster is away; whoever uses it says so once.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


def _rendered(log_format: LogFormat) -> list[structlog.typing.Processor]:
    if log_format == "console":
        return [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    # dict_tracebacks would carry the values of local variables, and so secrets.
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]


def _correlated(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Asked for each line that is written, not bound for each request that writes none."""
    if found := _CORRELATION.get():
        event["correlation_id"] = found
    return event


def _named(service: str) -> structlog.typing.Processor:
    def add(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        return event

    return add


def hide_secrets(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: values whose names sound secret never reach a log line."""
    for name in event:
        if _SECRET.search(name):
            event[name] = "***"
    return event


class ProjectionState(Protocol):
    """What is shown of a projection: positions of the log that it folds, and its age in seconds (None: not known)."""

    @property
    def name(self) -> str: ...
    @property
    def log(self) -> str: ...
    @property
    def applied(self) -> int: ...
    @property
    def head(self) -> int: ...
    @property
    def lag(self) -> float | None: ...
    @property
    def parked(self) -> Sequence[str]:
        """Streams of which an event could not be applied."""
        ...

    @property
    def via(self) -> str:
        """local, feed or kafka."""
        ...

    @property
    def trouble(self) -> str | None:
        """Why it is not served as it should be."""
        ...

    @property
    def noticed(self) -> Mapping[str, int]:
        """How often what was wrong in its topic."""
        ...


class RelayState(Protocol):
    """What is shown of the relay to Kafka: positions of the log, and ages in seconds (None: never)."""

    @property
    def holding(self) -> bool:
        """Whether it is this process that publishes."""
        ...

    @property
    def holder(self) -> str: ...
    @property
    def position(self) -> int: ...
    @property
    def head(self) -> int: ...
    @property
    def lag(self) -> float | None: ...
    @property
    def seen_age(self) -> float | None: ...
    @property
    def trouble(self) -> str: ...
    @property
    def detail(self) -> str: ...


class RelayGauges(Collector):
    """The relay as gauges, from a state read for this one answer."""

    def __init__(self, state: RelayState) -> None:
        self._state = state

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """See prometheus_client's Collector."""
        state = self._state
        yield self._gauge("holding", "Whether this process is the relay", state.holding)
        yield self._gauge("position", "Last position in the topic", state.position)
        yield self._gauge("head", "Last position of the log", state.head)
        yield self._gauge("lag_seconds", "Age of the newest heartbeat in the topic", state.lag)
        yield self._gauge("seen_age_seconds", "Age of the holder's last sign of life", state.seen_age)
        trouble = GaugeMetricFamily("watchword_relay_trouble", "What hinders it", labels=["code"])
        if state.trouble:
            trouble.add_metric([state.trouble], 1)
        yield trouble

    def _gauge(self, name: str, text: str, value: float | None) -> GaugeMetricFamily:
        gauge = GaugeMetricFamily(f"watchword_relay_{name}", text)
        if value is not None:
            gauge.add_metric([], value)
        return gauge


def _counted(state: ProjectionState) -> Mapping[str, int]:
    """From zero on: a series that begins with its first record would never show an increase."""
    return {} if state.via == "local" else {"record_corrupt": 0, "record_foreign": 0} | dict(state.noticed)


class ProjectionGauges(Collector):
    """The projections as gauges, from states read for this one answer."""

    def __init__(self, states: Sequence[ProjectionState]) -> None:
        self._states = states

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """See prometheus_client's Collector."""
        yield self._gauge("applied", "Last position applied", lambda state: state.applied)
        yield self._gauge("head", "Last known position of its log", lambda state: state.head)
        yield self._gauge("lag_seconds", "Age of what it knows", lambda state: state.lag)
        yield self._gauge("parked", "Streams parked", lambda state: len(state.parked))
        yield self._labelled("via", "How it is served", "via", lambda state: {state.via: 1})
        yield self._labelled(
            "trouble", "What hinders it", "code", lambda state: {state.trouble: 1} if state.trouble else {}
        )
        yield self._labelled("noticed", "What was wrong in its topic", "code", _counted)

    def _gauge(self, name: str, text: str, value: Callable[[ProjectionState], float | None]) -> GaugeMetricFamily:
        gauge = GaugeMetricFamily(f"watchword_projection_{name}", text, labels=["projection", "log"])
        for state in self._states:
            shown = value(state)
            if shown is not None:
                gauge.add_metric([state.name, state.log], shown)
        return gauge

    def _labelled(
        self, name: str, text: str, label: str, values: Callable[[ProjectionState], Mapping[str, int]]
    ) -> GaugeMetricFamily:
        gauge = GaugeMetricFamily(f"watchword_projection_{name}", text, labels=["projection", "log", label])
        for state in self._states:
            for value, count in values(state).items():
                gauge.add_metric([state.name, state.log, value], count)
        return gauge
