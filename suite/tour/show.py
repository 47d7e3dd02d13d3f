"""How the tour looks: a line or a few for each step, coloured on a terminal and plain elsewhere."""

import time
from collections.abc import Awaitable, Callable

from rich.text import Text

from suite.screen import console, plain

Lines = list[str]


class Show:
    """Prints steps as they are done."""

    def __init__(self) -> None:
        self._out = console()
        self._step = 0

    def title(self, text: str) -> None:
        self._out.print(Text(text, style="bold"), end="\n\n")

    async def step(self, name: str, work: Callable[[], Awaitable[Lines]]) -> None:
        """Does the work, and prints what it saw with the time that it took."""
        self._step += 1
        started = time.perf_counter()
        with self._out.status(f"{self._step} {name} …"):
            lines = await work()
        took = (time.perf_counter() - started) * 1000
        head = Text.assemble(
            (f"{self._step:>2} ", "bold green"), (f"{name:<14}", "bold"), (f"{took:>5.0f} ms  ", "yellow")
        )
        self._print(head, lines[0])
        for line in lines[1:]:
            self._print(Text(" " * len(head)), line)

    def end(self, text: str) -> None:
        self._out.print(Text(f"\n{text}", style="green"))

    def _print(self, head: Text, line: str) -> None:
        self._out.print(Text.assemble(head, plain(line)), soft_wrap=True)
