"""What a request costs in CPU, whichever process spends it."""

from dataclasses import dataclass

import psutil

from bench.load import Load
from tests.harness.running import Running

SECONDS = 10.0
WHERE = ("token", "identity", "policy", "postgres")


@dataclass(frozen=True, slots=True)
class Cost:
    """Answered a second by 16 clients at once, and CPU milliseconds per request in each of WHERE."""

    name: str
    rate: float
    milliseconds: tuple[float, ...]


async def cost(load: Load, suite: Running, name: str) -> Cost:
    """Measures one kind of request for 10 s."""
    before = [_cpu(suite, where) for where in WHERE]
    rate = await load.at_full(SECONDS, name)
    spent = [_cpu(suite, where) - earlier for where, earlier in zip(WHERE, before, strict=True)]
    return Cost(name, rate, tuple(max(0.0, seconds) * 1000 / (rate * SECONDS) for seconds in spent))


def _cpu(suite: Running, where: str) -> float:
    """CPU seconds of a process and its children so far; PostgreSQL's backends are its children."""
    process = psutil.Process(suite.pid(where))
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return float(sum(one.user + one.system for one in times))
