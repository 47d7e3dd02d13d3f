"""Drives a load process, and says what the answers took and cost."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from bench.figures import Figure, Target, at_most, percentile
from bench.jobs import Broken, Done, HttpJob, Job, Ready, Told
from bench.machine import LOAD, cpu, pin

T = TypeVar("T", Ready, Done)
Pids = Mapping[str, int]
"""Whose CPU is looked at, by name."""


@dataclass(frozen=True, slots=True)
class Driven:
    """What a load saw. `cpu` are milliseconds for each answer, by process; `load` the load's share of its core."""

    rate: float
    latencies: list[float]
    cpu: Mapping[str, float]
    load: float

    def percentile(self, share: float) -> float:
        return percentile(self.latencies, share)

    def figures(self, what: str, least: Target | None, p99: float | None = None, each: int = 1) -> list[Figure]:
        """The rate, of `each` things an answer, and its tail where that has a target too."""
        beside = (
            f"p50 {self.percentile(50):.1f}, p99 {self.percentile(99):.1f} ms; the load took {self.load:.0%} of a core"
        )
        spent = {name: ms / each for name, ms in self.cpu.items()}
        found = [Figure(what, self.rate * each, "/s", least, spent, beside)]
        if p99 is not None:
            found.append(Figure(f"{what}: p99", self.percentile(99), "ms", at_most(p99)))
        return found


def drive(job: Job, watched: Pids, meanwhile: AbstractContextManager[None]) -> Driven:
    """Runs the load to its end, and what is to be done `meanwhile` it is measured.

    Raises RuntimeError where an answer was not what it should be.
    """
    with _started(job) as process:
        _told(process, Ready)
        before = {name: cpu(pid) for name, pid in watched.items()}
        with meanwhile:
            done = _told(process, Done)
            spent = {name: cpu(pid) - before[name] for name, pid in watched.items()}
    if not done.count:
        raise RuntimeError("nothing was answered")
    each = {name: seconds * 1000 / done.count for name, seconds in spent.items()}
    return Driven(done.count / done.seconds, sorted(done.latencies), each, done.cpu / done.seconds)


@contextmanager
def beside(job: HttpJob) -> Iterator[None]:
    """The load, while the context lasts."""
    with _started(job) as process:
        _told(process, Ready)
        yield
        if process.poll() is not None:
            raise RuntimeError("the load ended by itself")


@contextmanager
def _started(job: Job) -> Iterator["subprocess.Popen[bytes]"]:
    module = "bench.http_load" if isinstance(job, HttpJob) else "bench.rpc_load"
    process = subprocess.Popen([sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    pin([process.pid], LOAD)
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(job) + b"\n")
    process.stdin.flush()
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _told(process: "subprocess.Popen[bytes]", kind: type[T]) -> T:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("the load ended by itself")
    told: Told = msgspec.json.decode(line, type=Told)
    if isinstance(told, Broken):
        raise RuntimeError(f"the load was answered: {told.why}")
    assert isinstance(told, kind)
    return told
