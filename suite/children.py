"""Processes that this one starts: each in a session of its own, so that Ctrl-C reaches only their parent."""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from suite.account import Account
from suite.errors import Halt

TAIL = 8_192


@dataclass(frozen=True, slots=True, repr=False)
class Command:
    """What to run, and how to end it. The environment is the child's whole environment."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path | None = None
    account: Account | None = None
    holds_stdin: bool = True
    """Its stdin is a pipe from this process, whose end tells it to end."""
    stop_signal: signal.Signals = signal.SIGTERM
    last_signal: signal.Signals = signal.SIGKILL
    """Sent where the first is not heeded in time; SIGKILL to its whole group follows."""


class Child:
    """One run of a command. What it writes goes to the end of its log file, so nothing is lost when its parent dies."""

    def __init__(self, command: Command, process: Process, log: Path, log_start: int) -> None:
        self.command = command
        self.pid = process.pid
        self._process = process
        self._log = log
        self._log_start = log_start

    @classmethod
    async def start(cls, command: Command, logs: Path) -> "Child":
        log = logs / f"{command.name}.log"
        account = command.account
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        log_start = os.lseek(descriptor, 0, os.SEEK_END)
        try:
            process = await asyncio.create_subprocess_exec(
                *command.argv,
                env=dict(command.env),
                cwd=command.cwd,
                stdin=PIPE if command.holds_stdin else DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                start_new_session=True,
                user=None if account is None else account.uid,
                group=None if account is None else account.gid,
                extra_groups=None if account is None else [],
            )
        finally:
            os.close(descriptor)
        return cls(command, process, log, log_start)

    @property
    def ended(self) -> bool:
        return self._process.returncode is not None

    async def wait(self) -> int:
        """Its exit code once it has ended; negative for the signal that ended it."""
        return await self._process.wait()

    def last_lines(self, count: int = 12) -> list[str]:
        """The last lines that this run wrote."""
        with self._log.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(self._log_start, end - TAIL))
            return file.read().decode(errors="replace").splitlines()[-count:]

    async def stop(self, within: float) -> None:
        """Asks it to end; after `within` seconds insists, and half a second later leaves it no choice."""
        if self.ended:
            return
        try:
            for sent, patience in ((self.command.stop_signal, within), (self.command.last_signal, 0.5)):
                if await self._ended_after(sent, patience):
                    return
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        await self._process.wait()

    async def _ended_after(self, sent: signal.Signals, patience: float) -> bool:
        with suppress(ProcessLookupError):
            self._process.send_signal(sent)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), patience)
        return self.ended


async def run(command: Command, logs: Path, within: float = 60.0) -> None:
    """Runs a command to its end. Raises Halt with its last lines where it fails or takes more than `within` seconds."""
    child = await Child.start(command, logs)
    try:
        code: int | None = await asyncio.wait_for(child.wait(), within)
    except TimeoutError:
        code = None
    finally:
        await child.stop(within=2.0)
    if code != 0:
        outcome = f"did not end within {within:.0f} s" if code is None else describe_exit(code)
        raise Halt("\n".join((f"{command.name} {outcome}:", *child.last_lines())))


def describe_exit(code: int) -> str:
    """How a process ended, for people."""
    return f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
