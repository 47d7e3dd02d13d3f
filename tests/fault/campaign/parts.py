"""The processes of a suite under a campaign, each started again whenever it ends, as an operator's supervisor does."""

import asyncio
import os
import signal
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from suite.children import Command
from suite.leftover import stop_leftover

PAUSE = 0.1
PATIENCE = 90.0


@dataclass
class Part:
    """`became_ready` is when it was last seen to have become ready (s since 1970), or to have been woken."""

    name: str
    command: Command
    log: Path
    before: Callable[[], None] = lambda: None
    """Called before each start."""
    speaks: bool = False
    """Its stdout is a pipe, to be read."""
    became_ready: float = 0.0
    deaths: int = 0
    ending: bool = False
    process: Process | None = None
    _started: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    async def run(self) -> None:
        """Keeps it running, for ever."""
        while not self.ending:
            await asyncio.to_thread(self.before)
            self.process = await self._start()
            self._started.set()
            await self.process.wait()
            self._started.clear()
            self.deaths += 1
            await asyncio.sleep(PAUSE)

    async def _start(self) -> Process:
        one, account = self.command, self.command.account
        with self.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *one.argv,
                env=dict(one.env),
                cwd=one.cwd,
                stdin=PIPE if one.holds_stdin else DEVNULL,
                stdout=PIPE if self.speaks else log,
                stderr=log,
                start_new_session=True,
                user=None if account is None else account.uid,
                group=None if account is None else account.gid,
                extra_groups=None if account is None else [],
            )

    async def signal(self, number: signal.Signals) -> None:
        """To the process that runs, once one does."""
        async with asyncio.timeout(PATIENCE):
            await self._started.wait()
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    async def died(self, within: float) -> bool:
        """Whether it dies within so many seconds."""
        before, deadline = self.deaths, time.monotonic() + within
        while self.deaths == before and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        return self.deaths > before

    async def end(self) -> None:
        """As its supervisor ends it; then no process is left of it."""
        self.ending = True
        if self.process is None or self.process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)
            os.kill(self.pid, self.command.stop_signal)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), 8)
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        await self.process.wait()


@asynccontextmanager
async def kept(part: Part) -> AsyncIterator[Part]:
    """A part that runs while the context lasts."""
    running = asyncio.create_task(part.run(), name=part.name)
    try:
        yield part
    finally:
        await part.end()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def without_leftovers(cluster: Path) -> Callable[[], None]:
    """Ends what a killed PostgreSQL has left, before it is started again."""

    def before() -> None:
        if cluster.exists():
            stop_leftover(cluster)

    return before
