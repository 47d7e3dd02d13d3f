"""Every alert asks for metrics that there are, and leads to a page that says what to do."""

import re
from dataclasses import dataclass, field
from types import MappingProxyType

from prometheus_client import REGISTRY

from chassis.telemetry import ProjectionGauges, RelayGauges
from tests.deploy.kustomized import Object, overlay
from tests.deploy.tools import ROOT

PROMISED = {
    "WatchwordLagPastBound",
    "WatchwordEventsParked",
    "WatchwordRelayWithoutHolder",
    "WatchwordChainBroken",
}
OF_PROMETHEUS = {"up", "namespace", "job", "pod", "projection", "log", "code", "absent", "max", "by", "or", "and", "on"}
OF_PROMETHEUS |= {"unless", "time", "changes", "increase"}


@dataclass(frozen=True, slots=True)
class Anything:
    """A projection and a relay, as they are shown."""

    name: str = "accounts@memory"
    log: str = "identity"
    applied: int = 1
    head: int = 1
    lag: float = 0.0
    parked: tuple[str, ...] = ()
    via: str = "kafka"
    trouble: str = "topic_lost"
    noticed: MappingProxyType[str, int] = field(default_factory=lambda: MappingProxyType({"record_corrupt": 1}))
    holding: bool = True
    holder: str = "1"
    position: int = 1
    seen_age: float = 0.0
    detail: str = ""


def shown() -> dict[str, set[str]]:
    """The metrics of a service, each with its labels."""
    found: dict[str, set[str]] = {}
    families = [*REGISTRY.collect(), *ProjectionGauges([Anything()]).collect(), *RelayGauges(Anything()).collect()]
    for family in families:
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def rules() -> list[Object]:
    (rule,) = overlay("prod").kind("PrometheusRule")
    found: list[Object] = rule["spec"]["groups"][0]["rules"]
    return found


def test_the_alerts_that_matter_are_there() -> None:
    assert {rule["alert"] for rule in rules()} >= PROMISED


def test_an_alert_asks_for_metrics_and_labels_that_services_show() -> None:
    known = shown()
    for rule in rules():
        expression = re.sub(r'"[^"]*"', "", rule["expr"])
        for name, selector in re.findall(r"\b([a-z][a-z_]+)\b(?:\{([^}]*)\})?", expression):
            if name in OF_PROMETHEUS:
                continue
            assert name in known, (rule["alert"], name)
            asked = set(re.findall(r"(\w+)[=!]", selector)) - {"namespace", "job", "pod"}
            assert asked <= known[name], (rule["alert"], name)


def test_the_bound_is_that_of_the_verifiers() -> None:
    (lag,) = [rule for rule in rules() if rule["alert"] == "WatchwordLagPastBound"]
    assert lag["expr"].endswith("> 5")


def test_every_alert_has_its_runbook() -> None:
    text = (ROOT / "docs/operations.md").read_text()
    headings = {heading.strip().lower() for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
    for rule in rules():
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert page == "docs/operations.md"
        assert anchor in headings, rule["alert"]
        assert rule["annotations"]["summary"]


def test_prometheus_finds_the_services_metrics() -> None:
    (monitor,) = overlay("prod").kind("ServiceMonitor")
    wanted = monitor["spec"]["selector"]["matchLabels"]
    found = [one for one in overlay("prod").kind("Service") if wanted.items() <= one["metadata"]["labels"].items()]
    assert {one["metadata"]["name"] for one in found} == {"identity", "token", "policy"}
    (endpoint,) = monitor["spec"]["endpoints"]
    assert (endpoint["port"], endpoint["path"]) == ("rest", "/metrics")
