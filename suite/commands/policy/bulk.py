"""`watchword policy show`, `import` and `export`: many facts, as JSON lines."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from suite.commands.common import Data, said_plainly
from suite.commands.policy.bringing import Brought, bring_in, lines_of
from suite.commands.policy.saying import exported, facts_about
from suite.commands.policy.spelled import in_words, to_json
from suite.commands.policy.things import meant
from suite.commands.progress import Show, shown
from suite.commands.reach import Json, asked
from suite.operator import Operator
from suite.screen import as_json, console, plain
from watchword.policy.v1.facts_pb2 import Fact

KINDS = ("role", "group", "exclusion", "action")


def show(
    thing: Annotated[
        str,
        typer.Argument(
            metavar="THING",
            help="A username, or TYPE/ID: document/9, role/editor, group/staff, action/document.print. "
            "Just role, group, exclusion or action: all of them.",
            show_default=False,
        ),
    ],
    data: Data,
    json: Json = False,
) -> None:
    """List the facts that speak of a thing."""

    async def found(peers: Operator) -> list[Fact]:
        about = thing if thing in KINDS else await meant(peers, thing)
        return list(await facts_about(peers, about))

    facts = asked(data, found)
    if json:
        as_json([to_json(one) for one in facts])
        return
    for one in facts:
        console().print(plain(in_words(one)), soft_wrap=True)
    if not facts:
        typer.echo(f"Nothing is said of {plain(thing)}.")


def bring(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="Facts as JSON, one a line; - for standard input.", show_default=False),
    ],
    data: Data,
    restore: Annotated[
        bool,
        typer.Option(
            "--restore",
            help="It is an export: take what stood there, though it could not be said anew, such as what has ended.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Write the facts of a file, 1,000 at a time, each 1,000 together or not at all.

    It ends at the first that is wrong, and names its line. Mend it and import the file again: writing what is there
    already changes nothing. What others refer to has to come first, as it does in an export.
    """
    with said_plainly(), lines_of(file) as (lines, total), shown("Importing", "facts") as progress:

        async def all_of_it(peers: Operator) -> Brought:
            return await bring_in(peers, lines, restore, lambda done: progress(done, total))

        brought = asked(data, all_of_it)
    if json:
        as_json({"facts": brought.facts, "position": brought.position})
        return
    typer.echo(f"{brought.facts:,} facts are so, at position {brought.position} of policy's log.")


def export(data: Data) -> None:
    """Write all facts to standard output as JSON, one a line, as of one position; what others refer to comes first."""
    silent = sys.stdout.isatty()
    with nullcontext(_say_nothing) if silent else shown("Exporting", "facts") as progress:
        asked(data, lambda peers: _exported(peers, progress))


def _say_nothing(done: int, total: int | None) -> None:
    """The lines themselves show how far it is."""


async def _exported(peers: Operator, progress: Show) -> None:
    done = 0
    async for page in exported(peers):
        for one in page.facts:
            sys.stdout.write(msgspec.json.encode(to_json(one)).decode() + "\n")
        done += len(page.facts)
        progress(done, None)
