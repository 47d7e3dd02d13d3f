"""What the commands share: the option that names the DIR, and how a command ends that cannot go on."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from eventlog.errors import Refusal
from suite.errors import Halt
from suite.place import default_data


def named(text: str) -> Path:
    """The DIR that --data names. An empty name, such as a variable that is not set, would be the current directory."""
    if not text:
        raise typer.BadParameter("empty; name a directory with --data DIR")
    return Path(text)


Data = Annotated[
    Path,
    typer.Option(
        "--data",
        metavar="DIR",
        parser=named,
        help="Where the suite keeps its data; it may not exist yet.",
        default_factory=default_data,
        show_default="WATCHWORD_DATA or ~/.local/share/watchword",
    ),
]


@contextmanager
def said_plainly(code: int = 1) -> Iterator[None]:
    """A refusal is a line on stderr and this exit code, never a traceback."""
    try:
        yield
    except (Halt, Refusal) as reason:
        sys.stderr.write(f"{reason}\n")
        raise typer.Exit(code) from None
