"""Every process is restarted under load, and no request fails."""

from suite.databases import SERVICES
from tests.harness.replicas import BOTH, Replicas
from tests.harness.visitors import visited


async def test_a_rolling_restart_under_load_fails_no_request(replicas: Replicas) -> None:
    async with visited(replicas) as visit:
        await visit.goes_on()
        for number in BOTH:
            for name in SERVICES:
                await replicas.restarted(name, number)
                await visit.goes_on()
    assert visit.heard.failed == []
