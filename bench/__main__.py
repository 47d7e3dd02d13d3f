"""`python -m bench`: measures a suite of its own on each transport, and prints what RESULTS.md holds."""

import asyncio
import tempfile
from pathlib import Path

from bench.cost import Cost, cost
from bench.load import Load, beside
from bench.spread import Spread, spread
from suite.account import database_account, make_data
from suite.place import Place
from tests.harness.kafka import own_broker
from tests.harness.running import Running, running_suite

REVOCATIONS = 100
"""For each place, at rest and under load."""
WARM_UP = 10.0
"""Seconds. The first requests find cold caches, and are not what a service does all day."""


def main() -> None:
    """One transport after the other, so that neither has the other's load beside it."""
    with tempfile.TemporaryDirectory(prefix="watchword-bench-") as directory:
        work = Path(directory)
        work.chmod(0o755)
        print("| transport | where | at rest p50 · p90 · p99 ms | at half load p50 · p90 · p99 ms |\n|-|-|-|-|")
        costs = _measured("feed", work / "feed", ())
        with own_broker(work / "broker") as broker:
            costs += _measured("kafka", work / "kafka", ("--kafka", broker.bootstrap))
    print("\n| transport | request | per s, 16 at once | CPU ms each: token · identity · policy · PostgreSQL |")
    print("|-|-|-|-|")
    for transport, one in costs:
        print(f"| {transport} | {one.name} | {one.rate:.0f} | {' · '.join(f'{ms:.2f}' for ms in one.milliseconds)} |")


def _measured(transport: str, data: Path, arguments: tuple[str, ...]) -> list[tuple[str, Cost]]:
    make_data(data, database_account(Place(data).cluster))
    with running_suite(data, *arguments) as suite:
        return asyncio.run(_measure(transport, suite))


async def _measure(transport: str, suite: Running) -> list[tuple[str, Cost]]:
    async with Load(suite) as load:
        await load.at_full(WARM_UP)
        costs = [await cost(load, suite, name) for name in load.requests]
    rest = await spread(suite, REVOCATIONS)
    with beside(suite.place.data, costs[0].rate / 2):
        loaded = await spread(suite, REVOCATIONS)
    for where in rest:
        print(f"| {transport} | {where} | {_shown(rest[where])} | {_shown(loaded[where])} |", flush=True)
    return [(transport, one) for one in costs]


def _shown(found: Spread) -> str:
    return " · ".join(f"{found.percentile(share) * 1000:.1f}" for share in (50, 90, 99))


if __name__ == "__main__":
    main()
