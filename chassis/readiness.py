"""Whether a process is ready, and why not: what /livez, /readyz and /metrics tell."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from chassis.telemetry import ProjectionState, RelayState
from eventlog.errors import Refusal

Check = Callable[[], Awaitable[str | None]]

PATIENCE = 1.0


class StartFailed(Exception):
    """The process cannot start; the message tells the operator why, and what to do."""


class PortTaken(StartFailed):
    """The address cannot be listened on."""


@dataclass(frozen=True, slots=True)
class Report:
    """The checks by name, each None where all is well, else the reason; projections and relay do not decide."""

    checks: dict[str, str | None]
    projections: Sequence[ProjectionState]
    relay: RelayState | None = None

    @property
    def ready(self) -> bool:
        return not any(self.checks.values())


async def _no_projections() -> Sequence[ProjectionState]:
    return ()


async def _no_relay() -> RelayState | None:
    return None


class Readiness:
    """Collects checks. It depends on a service's own database and start, never on another service."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self._projections: Callable[[], Awaitable[Sequence[ProjectionState]]] = _no_projections
        self._relay: Callable[[], Awaitable[RelayState | None]] = _no_relay

    def add(self, name: str, check: Check) -> None:
        """Asks `check` at each report; it answers None, or why the process is not ready."""
        self._checks[name] = check

    def show(self, projections: Callable[[], Awaitable[Sequence[ProjectionState]]]) -> None:
        """Shows projections in the report and in the metrics."""
        self._projections = projections

    def show_relay(self, relay: Callable[[], Awaitable[RelayState | None]]) -> None:
        """Shows the relay in the report and in the metrics."""
        self._relay = relay

    async def ready(self) -> bool:
        """Whether every check is well."""
        return not any(await asyncio.gather(*map(_answer, self._checks.values())))

    async def report(self) -> Report:
        """Everything, read now."""
        answers = await asyncio.gather(*map(_answer, self._checks.values()))
        return Report(dict(zip(self._checks, answers, strict=True)), await self.projections(), await self.relay())

    async def projections(self) -> Sequence[ProjectionState]:
        """The projections' states; none where they cannot be read in time."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._projections()
        except (TimeoutError, OSError):
            return ()

    async def relay(self) -> RelayState | None:
        """The relay's state; None where there is none, or it cannot be read in time."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._relay()
        except (TimeoutError, OSError, Refusal):
            return None


async def _answer(check: Check) -> str | None:
    try:
        async with asyncio.timeout(PATIENCE):
            return await check()
    except TimeoutError:
        return "no answer in time"
