"""How far something is that takes long, and what time is left: a bar on a terminal, elsewhere a line now and then."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from suite.screen import console

LINE = 10.0

Show = Callable[[int, int | None], None]
"""Is told how much is done, and of how much; None where nobody knows."""


@contextmanager
def shown(what: str, unit: str) -> Iterator[Show]:
    """Shows on stderr how many of the `unit` (events, facts) are done."""
    out = console(err=True)
    if not out.is_terminal:
        yield Lines(what, unit, lambda line: out.print(line, soft_wrap=True), time.monotonic).show
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Else what goes to stdout, which may be a file, would be shown above the bar instead.
    with Progress(*columns, console=out, redirect_stdout=False) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


class Lines:
    """A line each ten seconds, for where there is no terminal."""

    def __init__(self, what: str, unit: str, say: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._what = what
        self._unit = unit
        self._say = say
        self._clock = clock
        self._first: tuple[float, int] | None = None
        self._said: float | None = None

    def show(self, done: int, total: int | None) -> None:
        """See Show."""
        now = self._clock()
        self._first = self._first or (now, done)
        if self._said is not None and now < self._said + LINE:
            return
        self._said = now
        if total is None:
            self._say(f"{self._what}: {done:,} {self._unit}")
            return
        left = time_left(now - self._first[0], done - self._first[1], total - done)
        self._say(f"{self._what}: {done:,} of {total:,} {self._unit}{'' if left is None else f', about {left} left'}")


def time_left(seconds: float, done: int, left: int) -> str | None:
    """How long what is left takes at the pace so far; None where there is none yet."""
    if seconds <= 0 or done <= 0:
        return None
    needed = round(seconds * left / done)
    return f"{needed // 60} min {needed % 60} s" if needed >= 60 else f"{needed} s"
