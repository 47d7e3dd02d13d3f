"""Other people's backends: processes that verify tokens with the SDK, and are started again when they end."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from suite.children import Command
from tests.fault.campaign.parts import Part, kept
from tests.harness.backend import PROGRAM

PATIENCE = 12.0
NO_ANSWER = "no answer"


@dataclass
class Watchman:
    """One backend. Questions are asked one after the other; one that is not answered is asked no second time."""

    part: Part
    bound: float
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _owed: int = 0
    _asked: asyncio.subprocess.Process | None = None

    async def says(self, token: str) -> str:
        """`accepted`, or why not; `no answer` where none came."""
        async with self._turn:
            process = self.part.process
            if process is None or process.stdin is None or process.stdout is None:
                return NO_ANSWER
            if process is not self._asked:  # one that ended owes nothing
                self._owed, self._asked = 0, process
            self._owed += 1
            try:
                process.stdin.write(f"{token}\n".encode())
                async with asyncio.timeout(PATIENCE):
                    while self._owed:  # what it owes from before comes first
                        line = (await process.stdout.readline()).decode().strip()
                        if not line:
                            return NO_ANSWER
                        self._owed -= 1
                    return line
            except (TimeoutError, OSError):
                return NO_ANSWER


@asynccontextmanager
async def watchman(name: str, told: dict[str, Any], env: dict[str, str], logs: Path) -> AsyncIterator[Watchman]:
    """A backend while the context lasts; `told` is what `watchword.connect` takes."""
    argv = (sys.executable, str(PROGRAM), json.dumps(told))
    part = Part(name, Command(name, argv, env), logs / f"{name}.log", speaks=True)
    async with kept(part):
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while part.process is None:
                    await asyncio.sleep(0.02)
        yield Watchman(part, float(told["max_staleness"]))
