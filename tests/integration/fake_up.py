"""A small `up` for the tests of signals: fake children on a foundation, until it is stopped. Arguments: DIR DRAIN."""

import asyncio
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from suite.children import Command
from suite.report import Report
from suite.signals import until_stopped
from suite.supervisor import Probe, Supervisor

CHILD = Path(__file__).with_name("fake_child.py")


def fake(name: str, directory: Path, *words: str) -> Command:
    """A fake child that writes its journal into the directory, and a file `NAME.ready` once it is ready."""
    told = ("ready-file", str(directory / f"{name}.ready"), "journal", str(directory / "journal"), *words)
    return Command(name, (sys.executable, str(CHILD), name, *told), {})


async def supervise(directory: Path, drain: str, stack: AsyncExitStack) -> None:
    supervisor = Supervisor(directory, Report())
    stack.push_async_callback(supervisor.stop)
    for name in ("foundation", "service"):
        command = fake(name, directory, "lasts", drain if name == "service" else "0")
        await supervisor.keep(command, ready(directory, name), foundation=name == "foundation")
    print("ready", flush=True)
    await supervisor.broken()


def ready(directory: Path, name: str) -> Probe:
    async def probe(_pid: int) -> bool:
        return (directory / f"{name}.ready").exists()

    return probe


if __name__ == "__main__":
    asyncio.run(until_stopped(lambda stack: supervise(Path(sys.argv[1]), sys.argv[2], stack), Report()))
