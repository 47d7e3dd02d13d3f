"""What the commands print: tables for people, one JSON document or line for scripts."""

import sys
from collections.abc import Iterable
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

PLAIN_WIDTH = 140


def console(*, err: bool = False) -> Console:
    """A console on stdout or stderr. Nothing that is printed is read as markup; without a terminal it is plain text."""
    stream = sys.stderr if err else sys.stdout
    width = None if stream.isatty() else PLAIN_WIDTH
    return Console(stderr=err, width=width, markup=False, highlight=False, emoji=False)


def table(*columns: str, numbers: Iterable[str] = ()) -> Table:
    """An empty table; the columns named in `numbers` stand at the right."""
    made = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        made.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    return made


def row(into: Table, *cells: object, style: str | None = None) -> None:
    """Adds a row; what another could use to command the terminal is shown as a blot."""
    into.add_row(*(plain(str(cell)) for cell in cells), style=style)


def plain(text: str) -> str:
    """The text without control characters."""
    return "".join(character if character.isprintable() else "�" for character in text)


def as_json(value: Any) -> None:
    """One JSON document on one line."""
    typer.echo(msgspec.json.encode(value).decode())
