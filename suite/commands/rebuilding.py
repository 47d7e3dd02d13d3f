"""`watchword projections rebuild`: how far it is, and how long it will take, while it goes on."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from chassis.rpc.client import ask
from eventlog.errors import Refusal
from suite.operator import Operator
from suite.screen import console
from watchword.log.v1.log_pb2 import ListProjectionsRequest, RebuildProjectionRequest

LOOK = 1.0
LINE = 10.0
PATIENCE = 7 * 24 * 3600.0

Show = Callable[[int, int], None]


async def rebuilt(peers: Operator, service: str, name: str) -> int:
    """Has a projection made anew, and shows on stderr how far it is; the position at which it stands then.

    It goes on where this is broken off, and who asks again waits for the same.
    """
    stub = peers.projections[service]
    asking = asyncio.ensure_future(ask(stub.RebuildProjection, RebuildProjectionRequest(name=name), timeout=PATIENCE))
    with _shown(f"{service}'s {name}") as show:
        while not asking.done():
            with suppress(Refusal):  # what is wrong, the rebuild itself tells
                await _look(stub, name, show)
            await asyncio.wait([asking], timeout=LOOK)
    return (await asking).applied


async def _look(stub: Any, name: str, show: Show) -> None:
    for one in (await ask(stub.ListProjections, ListProjectionsRequest())).projections:
        if one.name == name and one.HasField("rebuilt"):
            show(one.rebuilt, one.head)


@contextmanager
def _shown(what: str) -> Iterator[Show]:
    out = console(err=True)
    if not out.is_terminal:
        yield Lines(what, lambda line: out.print(line, soft_wrap=True), time.monotonic).show
        return
    with Progress(TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=out) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class Lines:
    """A line each ten seconds, for where there is no terminal."""

    def __init__(self, what: str, say: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._what = what
        self._say = say
        self._clock = clock
        self._first: tuple[float, int] | None = None
        self._said: float | None = None

    def show(self, done: int, total: int) -> None:
        """It is at `done` of `total` events now."""
        now = self._clock()
        self._first = self._first or (now, done)
        if self._said is not None and now < self._said + LINE:
            return
        self._said = now
        left = time_left(now - self._first[0], done - self._first[1], total - done)
        self._say(f"{self._what}: {done:,} of {total:,} events{'' if left is None else f', about {left} left'}")


def time_left(seconds: float, done: int, left: int) -> str | None:
    """How long what is left takes at the pace so far; None where there is none yet."""
    if seconds <= 0 or done <= 0:
        return None
    needed = round(seconds * left / done)
    return f"{needed // 60} min {needed % 60} s" if needed >= 60 else f"{needed} s"
