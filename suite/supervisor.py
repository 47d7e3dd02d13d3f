"""Keeps children running: says at once when one has died, starts it again, and stops all in order."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from suite.children import Child, Command, describe_exit
from suite.errors import Halt
from suite.report import Report

Probe = Callable[[int], Awaitable[bool]]
"""Whether the child, by its pid, is ready by now; raises nothing."""

DEATHS = 5
WITHIN = 60.0
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
POLL = 0.05
DRAIN = 5.5
"""Seconds that services have to drain."""
LAST_STOP = 2.5
"""Seconds that their foundation then has; with what insisting takes, everything has stopped within 10 s."""


@dataclass(slots=True)
class Kept:
    """One child that is kept running, and how that went since it was last ready."""

    command: Command
    probe: Probe
    foundation: bool
    ready: asyncio.Future[None]
    """Done when it has been ready once."""
    deaths: list[float] = field(default_factory=list)
    child: Child | None = None


class Supervisor:
    """Runs commands as children of this process, until `stop`."""

    def __init__(self, logs: Path, report: Report) -> None:
        self._logs = logs
        self._report = report
        self._kept: list[Kept] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def keep(self, command: Command, probe: Probe, *, foundation: bool = False, within: float = 60.0) -> None:
        """Starts the command, keeps it running from then on, and returns when it is ready for the first time.

        A foundation is what the others stand on (the database): it is stopped when they have ended. Raises Halt where
        a child dies too often, or this one is not ready after `within` seconds.
        """
        kept = Kept(command, probe, foundation, asyncio.get_running_loop().create_future())
        self._kept.append(kept)
        self._tasks.append(asyncio.create_task(self._keep(kept), name=command.name))
        await asyncio.wait({kept.ready, self._broken}, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        if self._broken.done():
            self._broken.result()
        if not kept.ready.done():
            lines = kept.child.last_lines() if kept.child else []
            raise Halt("\n".join((f"{command.name} is not ready after {within:.0f} s. Its last lines:", *lines)))

    async def broken(self) -> None:
        """Waits for as long as all goes well. Raises Halt once a child has died too often."""
        await asyncio.shield(self._broken)

    async def stop(self) -> None:
        """Ends every child, the foundations last. After it, none is left and none is started."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for foundation, within in ((False, DRAIN), (True, LAST_STOP)):
            children = [kept.child for kept in self._kept if kept.child and kept.foundation is foundation]
            await asyncio.gather(*(child.stop(within) for child in children))
        self._broken.cancel()

    async def _keep(self, kept: Kept) -> None:
        try:
            while True:
                await self._run_once(kept)
                await asyncio.sleep(min(FIRST_PAUSE * 2 ** (len(kept.deaths) - 1), LONGEST_PAUSE))
        except (Halt, OSError) as error:
            reason = error if isinstance(error, Halt) else Halt(f"{kept.command.name} cannot be started: {error}")
            if not self._broken.done():
                self._broken.set_exception(reason)

    async def _run_once(self, kept: Kept) -> None:
        """One life of the child, from its start to its death."""
        kept.child = child = await Child.start(kept.command, self._logs)
        watching = asyncio.create_task(self._until_ready(kept, child))
        try:
            code = await child.wait()
        finally:
            watching.cancel()
        self._mourn(kept, child, code)

    def _mourn(self, kept: Kept, child: Child, code: int) -> None:
        now = asyncio.get_running_loop().time()
        kept.deaths = [death for death in kept.deaths if now - death < WITHIN] + [now]
        how = f"{kept.command.name} (process {child.pid}) {describe_exit(code)}"
        if len(kept.deaths) >= DEATHS:
            raise Halt("\n".join((f"{how}, {DEATHS} times within a minute. Its last lines:", *child.last_lines())))
        self._report.trouble(f"{how}; it is started again. Its last lines:", child.last_lines())

    async def _until_ready(self, kept: Kept, child: Child) -> None:
        while not await kept.probe(child.pid):
            await asyncio.sleep(POLL)
        if kept.deaths:
            self._report.line(f"{kept.command.name} is ready again")
        kept.deaths.clear()
        if not kept.ready.done():
            kept.ready.set_result(None)
