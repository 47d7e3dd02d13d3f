"""What the suite takes when nothing happens, under load, and until it is ready."""

import time

from bench.figures import Figure, at_most
from bench.house import House, run
from bench.machine import CORES, cpu, here, resident
from bench.rows.tokens import token_job
from suite.databases import SERVICES
from tests.harness.applications import machine

SETTLE = 5.0


def memory(house: House) -> list[Figure]:
    """Resident memory of the largest service: after a start, and after client_credentials at full load."""
    house.close()
    pids = house.under_load("token")
    suite = house.suite()
    time.sleep(SETTLE)
    idle = {name: resident(pids[name]) for name in SERVICES}
    house.drive(token_job(house, suite.url("token"), run(machine(suite))), pids)
    loaded = {name: resident(pids[name]) for name in SERVICES}
    return [
        Figure("memory of the largest service, idle", max(idle.values()), "MiB", at_most(120), {}, _said(idle)),
        Figure("memory of the largest service, loaded", max(loaded.values()), "MiB", at_most(180), {}, _said(loaded)),
    ]


def ready(house: House) -> list[Figure]:
    """The second start of `watchword up`, until it says ready; on all cores."""
    house.suite()
    house.close()
    with here(set(CORES)):
        begun = time.perf_counter()
        suite = house.suite()
        seconds = time.perf_counter() - begun
    spent = cpu(suite.up.pid)
    return [Figure("ready after start", seconds, "s", at_most(5), {}, f"{spent:.1f} s of CPU in all processes")]


def _said(each: dict[str, float]) -> str:
    return ", ".join(f"{name} {size:.0f}" for name, size in each.items())
