"""All the projections of one process: what they have applied, waiting for them, and what an operator does with them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.duration_pb2 import Duration

from eventlog.errors import Kind, Refusal, unavailable
from eventlog.feed import SourceLost, Transport
from eventlog.feed.source import cancelled
from eventlog.projection.durable import Durable
from eventlog.projection.memory import MemoryProjection
from eventlog.projection.reaction import Reaction
from eventlog.projection.table import TableProjection
from watchword.log.v1 import log_pb2, log_pb2_grpc


@dataclass(frozen=True, slots=True)
class Status:
    """A projection as operators see it.

    `lag` in seconds: the age of the newest proof that it was level; None: never yet. `parked` are streams; what is
    parked of them is counted in tables, while memory tells of one a stream. `rebuilt`: how far a rebuild has come.
    """

    name: str
    log: str
    applied: int
    head: int
    lag: float | None
    parked: tuple[str, ...]
    parked_events: int
    transport: Transport
    rebuilt: int | None = None

    @property
    def via(self) -> str:
        return self.transport.via

    @property
    def trouble(self) -> str | None:
        return self.transport.trouble

    @property
    def noticed(self) -> Mapping[str, int]:
        return self.transport.noticed


class Projections:
    """The projections of one process, by name."""

    def __init__(self, memory: Sequence[MemoryProjection], durable: Sequence[Durable]) -> None:
        self.memory = memory
        self.durable = {one.name: one for one in durable}

    async def run(self) -> None:
        """Runs all of them for ever. Raises where one of them ends."""
        async with asyncio.TaskGroup() as group:
            for run in (*(one.run for one in self.memory), *(one.run for one in self.durable.values())):
                group.create_task(_without_end(run))

    @property
    def ready(self) -> bool:
        """Whether every memory projection has its snapshot and has been level with its source."""
        return all(one.ready for one in self.memory)

    def heads(self) -> dict[str, int]:
        """The newest head that this process has heard of, by log."""
        heads: dict[str, int] = {}
        for one in self.memory:
            heads[one.projection.log] = max(one.head, heads.get(one.projection.log, 0))
        return heads

    def applied(self, name: str) -> int:
        """The position up to which every memory projection of a log has been applied here; 0 for a log none follows."""
        return min((one.applied for one in self.memory if one.projection.log == name), default=0)

    async def wait(self, name: str, position: int, timeout: float) -> bool:
        """Whether all that follows a log, in memory, in tables and by reacting, is at `position` within `timeout` s."""
        waits = [one.wait(position, timeout) for one in self.memory if one.projection.log == name]
        # Tables and reactions of another process cost a query each time, so memory, which costs none, comes first.
        if not all(await asyncio.gather(*waits)):
            return False
        durable = [one for one in self.durable.values() if one.source.log == name]
        return all(await asyncio.gather(*(_reached(one, position, timeout) for one in durable)))

    async def statuses(self) -> list[Status]:
        """Every projection's state, for /readyz?verbose, /metrics and `watchword projections list`."""
        heads = self.heads()
        found = [
            Status(
                name=f"{one.projection.name}@memory",
                log=one.projection.log,
                applied=one.applied,
                head=one.head,
                lag=one.age(),
                parked=tuple(sorted(one.parked)),
                parked_events=len(one.parked),
                transport=one.transport,
            )
            for one in self.memory
        ]
        for name, one in self.durable.items():
            at = (await one.rows.checkpoint()).position
            head = max(heads.get(one.source.log, 0), one.head, at)
            parked = await one.rows.parked_events()
            found.append(
                Status(
                    name=name,
                    log=one.source.log,
                    applied=at,
                    head=head,
                    lag=one.age(),
                    parked=tuple(sorted(parked)),
                    parked_events=sum(parked.values()),
                    transport=one.transport,
                    rebuilt=await one.rows.rebuilt(),
                )
            )
        return found

    def find(self, name: str) -> Durable:
        """Raises Refusal `projection_unknown`."""
        if name not in self.durable:
            known = ", ".join(sorted(self.durable))
            raise Refusal(Kind.NOT_FOUND, "projection_unknown", f"no projection {name!r} here; there are: {known}")
        return self.durable[name]


async def _without_end(run: Callable[[], Awaitable[None]]) -> None:
    """A group takes a task that was cancelled for one that it has cancelled itself, and goes on without it."""
    try:
        await run()
    except asyncio.CancelledError:
        if cancelled():
            raise
    raise RuntimeError("a projection has ended by itself")


async def _reached(durable: Durable, position: int, timeout: float) -> bool:
    try:
        async with asyncio.timeout(timeout):
            await durable.reach(position)
    except TimeoutError:
        return False
    return True


class ProjectionFeed(log_pb2_grpc.ProjectionServiceServicer):
    """ProjectionService, for operators: `administrator` refuses everybody else."""

    def __init__(self, projections: Projections, administrator: Callable[[Any], Awaitable[object]]) -> None:
        self._projections = projections
        self._administrator = administrator
        self._rebuilding: dict[str, asyncio.Task[int]] = {}

    async def ListProjections(self, request: Any, context: Any) -> log_pb2.ListProjectionsResponse:
        await self._administrator(context)
        return log_pb2.ListProjectionsResponse(projections=[_shown(one) for one in await self._projections.statuses()])

    async def RebuildProjection(self, request: Any, context: Any) -> log_pb2.RebuildProjectionResponse:
        await self._administrator(context)
        found = self._projections.find(request.name)
        if not isinstance(found, TableProjection):
            raise Refusal(
                Kind.PRECONDITION, "not_rebuildable", f"{request.name} is a reaction: it runs once, never again"
            )
        try:
            return log_pb2.RebuildProjectionResponse(applied=await asyncio.shield(self._rebuild(found)))
        except SourceLost as error:
            raise unavailable("feed_lost", f"{error}: ask again") from error

    def _rebuild(self, found: TableProjection) -> asyncio.Task[int]:
        """It takes long, and goes on without whoever asked for it; who asks again waits for the same."""
        under_way = self._rebuilding.get(found.name)
        if under_way is None or under_way.done():
            under_way = asyncio.create_task(found.rebuild(), name=f"rebuild {found.name}")
            self._rebuilding[found.name] = under_way
        return under_way

    async def RetryParked(self, request: Any, context: Any) -> log_pb2.RetryParkedResponse:
        await self._administrator(context)
        found = self._projections.find(request.name)
        if not isinstance(found, TableProjection | Reaction):
            raise Refusal(Kind.PRECONDITION, "nothing_to_retry", f"{request.name} keeps no parked events")
        applied, parked = await found.retry()
        return log_pb2.RetryParkedResponse(applied_events=applied, parked_events=parked)


def _shown(one: Status) -> log_pb2.Projection:
    lag = None if one.lag is None else Duration(seconds=int(one.lag), nanos=int(one.lag % 1 * 1e9))
    return log_pb2.Projection(
        name=one.name,
        log=one.log,
        applied=one.applied,
        head=one.head,
        lag=lag,
        parked_events=one.parked_events,
        parked_streams=one.parked,
        via=one.via,
        trouble=one.trouble or "",
        noticed=one.noticed,
        rebuilt=one.rebuilt,
    )
