"""Events as they are written, applied and reacted to: what is given is given back as it is where nothing is traced."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from chassis.tracing import TRACES
from eventlog.events import Event, Recorded
from eventlog.log import Append
from eventlog.projection import Change, Projection
from eventlog.store import Appended, Command

if TYPE_CHECKING:
    from chassis.tracing.spans import Spans

React = Callable[[Event, Recorded], Awaitable[None]]
Published = Callable[[Sequence[Recorded], int], Awaitable[None]]

AT_ONCE = 50
"""Spans that are made before others in the process get their turn."""


def appending(append: Append) -> Append:
    """Makes each event that is appended a span: the one that the event's `traceparent` names."""
    spans = TRACES.spans
    if spans is None:
        return append

    async def traced(command: Command) -> Appended:
        started = time.time_ns()
        appended = await append(command)
        spans.appended(command, appended, started)
        return appended

    return traced


def applying(projection: Projection) -> Projection:
    """Makes a span of each event that changes something here, in the trace of the event."""
    return projection if TRACES.spans is None else _Applying.of(projection, TRACES.spans)


def reacting(name: str, react: React) -> React:
    """Makes a span of each reaction, in the trace of the event that it reacts to; what it appends follows from it."""
    spans = TRACES.spans
    if spans is None:
        return react

    async def traced(event: Event, row: Recorded) -> None:
        with spans.reacting(name, row):
            await react(event, row)

    return traced


def publishing(topic: str) -> Published | None:
    """Makes each record that the relay has put into its topic a span; None where nothing is traced."""
    spans = TRACES.spans
    if spans is None:
        return None

    async def traced(rows: Sequence[Recorded], started: int) -> None:
        for number, row in enumerate(rows, 1):
            spans.published(topic, row, started)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)

    return traced


class _Applying(Projection):
    __slots__ = ("_spans",)
    _spans: "Spans"

    @classmethod
    def of(cls, projection: Projection, spans: "Spans") -> "_Applying":
        made = cls(projection.name, projection.log, projection.decode, projection.fold)
        object.__setattr__(made, "_spans", spans)
        return made

    async def changes(self, row: Recorded) -> list[Change]:
        started = time.time_ns()
        changes = await super().changes(row)
        if changes:
            self._spans.applied(self.name, row, started)
        return changes
