"""Watchword-Position: "answer once you have applied these", and in an answer, what to ask for elsewhere.

Grammar: `name=decimal` joined by commas, such as `identity=812,token=4410`; the same over REST and gRPC.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Protocol

from eventlog.errors import Kind, Refusal, unavailable

HEADER = "watchword-position"
LOGS = ("identity", "token", "policy")
PATIENCE = 2.0
MAX_POSITION = 2**63 - 1

_ITEM = re.compile(r"([a-z]+)=(0|[1-9][0-9]{0,18})")
_NOTED: ContextVar[dict[str, int] | None] = ContextVar("positions", default=None)


def parse(text: str) -> dict[str, int]:
    """The positions by log. Raises Refusal `invalid_position` for another grammar, an unknown or a repeated name."""
    positions: dict[str, int] = {}
    for item in text.split(","):
        match = _ITEM.fullmatch(item)
        if match is None or int(match.group(2)) > MAX_POSITION:
            raise _invalid("it is not name=decimal joined by commas")
        name = match.group(1)
        if name not in LOGS:
            raise _invalid(f"there are the logs {', '.join(LOGS)}")
        if name in positions:
            raise _invalid(f"{name} is named twice")
        positions[name] = int(match.group(2))
    return positions


def render(positions: Mapping[str, int]) -> str:
    """The header's value, logs in their fixed order."""
    return ",".join(f"{name}={positions[name]}" for name in LOGS if name in positions)


def begin() -> dict[str, int]:
    """Starts collecting what the request at hand writes; returns the collection."""
    noted: dict[str, int] = {}
    _NOTED.set(noted)
    return noted


def note(log: str, position: int) -> None:
    """Names a log that this request wrote, or had written, in its answer: the header takes the greatest position."""
    noted = _NOTED.get()
    if noted is not None and position > 0:
        noted[log] = max(position, noted.get(log, 0))


class Applied(Protocol):
    """What a process has applied of each log; `eventlog.projection.Projections` is one."""

    def applied(self, name: str) -> int:
        """The position of the log that is applied here; 0 where it is not followed."""
        ...

    async def wait(self, name: str, position: int, timeout: float) -> bool:
        """Whether all that follows the log here, reactions too, has applied the position within `timeout` seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Waiting:
    """Makes requests wait for positions. `heads` reads a log's head from its owner when called, and may refuse."""

    applied: Applied
    heads: Mapping[str, Callable[[], Awaitable[int]]] = field(default_factory=dict)
    patience: float = PATIENCE

    async def until(self, wanted: Mapping[str, int]) -> None:
        """Returns once all is applied here.

        Raises Refusal `position_unknown` where the head proves that a position lies beyond, and `not_yet_applied` where
        one is not applied within `patience` seconds.
        """
        await asyncio.gather(*(self._one(name, position) for name, position in wanted.items()))

    async def _one(self, name: str, position: int) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.patience
        if self.applied.applied(name) < position:
            await self._possible(name, position)
        if not await self.applied.wait(name, position, max(deadline - loop.time(), 0)):
            raise unavailable("not_yet_applied", f"position {position} of {name}'s log is not applied here yet")

    async def _possible(self, name: str, position: int) -> None:
        read = self.heads.get(name)
        if read is None:
            return
        try:
            async with asyncio.timeout(self.patience):
                head = await read()
        except (Refusal, TimeoutError):
            return
        if position > head:
            raise Refusal(Kind.INVALID, "position_unknown", f"{name}'s log ends at {head}, before {position}")


def _invalid(reason: str) -> Refusal:
    return Refusal(Kind.INVALID, "invalid_position", f"Watchword-Position: {reason}")
