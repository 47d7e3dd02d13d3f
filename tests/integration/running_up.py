"""`watchword up` as a person runs it: a process of its own, told by signals, read by its lines and its demo.json."""

import asyncio
import json
import re
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.harness.running import clean_environment, free_fleet, listeners

READY = 60.0
STOPPED = 10.0
WATCHWORD = (sys.executable, "-m", "suite")


def free_ports() -> list[str]:
    """Options that put the six listeners on ports that are free now."""
    return listeners(free_fleet())


@dataclass
class Up:
    """One run of `watchword up`."""

    process: Process
    data: Path
    lines: list[str] = field(default_factory=list)
    _reader: asyncio.Task[None] | None = None

    async def line(self, pattern: str, within: float = READY) -> str:
        """The first line that matches, once it is there. Fails with all lines where the process ends before."""
        async with asyncio.timeout(within):
            while True:
                for line in self.lines:
                    if re.search(pattern, line):
                        return line
                assert self.process.returncode is None, "\n".join(self.lines)
                await asyncio.sleep(0.02)

    @property
    def demo(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = json.loads((self.data / "demo.json").read_text())
        return found

    def processes(self) -> list[psutil.Process]:
        """Itself and all below it."""
        up = psutil.Process(self.process.pid)
        return [up, *up.children(recursive=True)]

    def service(self, name: str) -> psutil.Process:
        """The process of that service."""
        return next(one for one in self.processes() if f"services.{name}" in one.cmdline())

    async def stop(self, sent: signal.Signals = signal.SIGTERM) -> int:
        """Asks it to stop; its exit code. Fails where it takes longer than 10 s."""
        self.process.send_signal(sent)
        async with asyncio.timeout(STOPPED):
            code = await self.process.wait()
        if self._reader:
            await self._reader
        return code

    async def read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(line.decode().rstrip("\n"))

    def reading(self) -> None:
        self._reader = asyncio.create_task(self.read())


@asynccontextmanager
async def running_up(data: Path, *args: str, ready: bool = True) -> AsyncIterator[Up]:
    """Runs `watchword up --data DATA ARGS`; stops it at the end where the test has not."""
    process = await asyncio.create_subprocess_exec(
        *WATCHWORD,
        "up",
        "--data",
        str(data),
        *args,
        stdout=PIPE,
        stderr=STDOUT,
        env=clean_environment(),
        start_new_session=True,
    )
    up = Up(process, data)
    up.reading()
    try:
        if ready:
            await up.line("Watchword is ready")
        yield up
    finally:
        if process.returncode is None:
            await up.stop()
