"""A password's hash takes 19 MiB, which identity keeps while others follow, and gives back when none does."""

import httpx2
import psutil
import pytest

from tests.harness.running import Running, until

pytestmark = pytest.mark.over("feed")

HASH = 19.0
"""MiB."""


def test_a_rest_gives_memory_back(suite: Running) -> None:
    one = suite.start_second("identity")
    try:
        process = psutil.Process(one.process.pid)
        before = resident(process)
        credentials = {"username": suite.user.username, "password": suite.user.password}
        assert httpx2.post(f"{one.rest}/v1/login", json=credentials).status_code == 200
        assert resident(process) > before + HASH * 0.8
        until(lambda: resident(process) < before + HASH * 0.3, "what a login's hash took is given back")
    finally:
        one.stop()


def resident(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 2**20
