"""How the services of a running suite are served with each other's logs."""

from typing import Any

import httpx2

from suite.databases import SERVICES
from tests.harness.running import Running


def read_from_topics(running: Running) -> bool:
    """Whether every projection of another's log is served from that log's topic now."""
    return all(one["via"] == ("local" if one["log"] == name else "kafka") for name, one in projections(running))


def projections(running: Running) -> list[tuple[str, dict[str, Any]]]:
    """Every projection, with the service that keeps it."""
    reports = {name: httpx2.get(f"{running.url(name)}/readyz?verbose").json() for name in SERVICES}
    return [(name, one) for name, report in reports.items() for one in report["projections"]]
