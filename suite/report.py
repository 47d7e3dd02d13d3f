"""What a person sees while the suite starts and runs: a spinner on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Whoever read this has gone; what runs goes on."""
        self.quiet = True


class Report:
    """Lines on stdout. What is said is never interpreted as markup."""

    def __init__(self) -> None:
        self._console = _Console(highlight=False, soft_wrap=True)

    def line(self, text: str = "", style: str = "") -> None:
        self._console.print(Text(text, style=style))

    def trouble(self, text: str, lines: Sequence[str] = ()) -> None:
        """Something went wrong that the person should know of at once."""
        self.line(text, style="bold red")
        for line in lines:
            self.line(f"    {line}", style="dim")

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Shows what is being done, and how long it took once it is done."""
        started = time.monotonic()
        if self._console.is_terminal:
            with self._console.status(Text(f"{what} …")):
                yield
        else:
            self.line(f"  {what} …")
            yield
        self.line(f"✓ {what} ({time.monotonic() - started:.1f} s)", style="green")
