"""Every request is a metric, and one in many a line of the log."""

from prometheus_client import CollectorRegistry, Histogram
from structlog.testing import capture_logs

from chassis.telemetry import SAMPLED, Served


def test_every_request_is_counted_and_one_in_a_thousand_is_told() -> None:
    registry = CollectorRegistry()
    served = Served(Histogram("seconds", "…", ["method", "status"], registry=registry))
    with capture_logs() as lines:
        for number in range(2 * SAMPLED + 1):
            served.tell(0.25, "POST", 200 if number % 2 else 400)
    counted = [registry.get_sample_value("seconds_count", {"method": "POST", "status": s}) for s in ("200", "400")]
    assert sum(count or 0 for count in counted) == 2 * SAMPLED + 1
    assert [(line["event"], line["what"], line["ms"]) for line in lines] == [("served", "POST 400", 250.0)] * 3
