"""`watchword events tail` and `watchword events verify`"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import asyncpg
import msgspec
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.text import Text

from eventlog.events import Recorded, rfc3339
from eventlog.verify import Checked, Misfit
from eventlog.verify import verify as verify_log
from suite.commands.common import Data, said_plainly
from suite.commands.reach import Json, reached
from suite.databases import SERVICES
from suite.errors import Halt
from suite.operator import Operator
from suite.place import Place
from suite.reading import head, read
from suite.screen import as_json, console, plain

app = typer.Typer(help="The services' event logs.", no_args_is_help=True)

Show = Callable[[str, Recorded], None]
Log = Annotated[
    str | None,
    typer.Argument(metavar="[identity|token|policy]", help="Whose log; all where absent.", show_default=False),
]


@app.command()
def tail(
    data: Data,
    log: Log = None,
    first: Annotated[
        int | None, typer.Option("--from", metavar="N", help="Begin at this position of each log.", min=1)
    ] = None,
    lines: Annotated[
        int, typer.Option("--lines", "-n", help="How many of the last events, without --from.", min=0)
    ] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = False,
    json: Json = False,
) -> None:
    """Show events as they leave the services, and check on the way that each continues the chain of hashes.

    The public body only: what is sealed never leaves its service. With --json: an event a line.
    """
    show = _json_line if json else _line()
    with said_plainly(), suppress(KeyboardInterrupt):
        asyncio.run(_tail(data, _logs(log), first, lines, follow, show))


@app.command()
def verify(data: Data, log: Log = None, json: Json = False) -> None:
    """Recompute the chain of hashes from the first row, in the database itself, and name the first that does not fit.

    This is the only command that opens a database; it reads. Keep the last hash elsewhere: to whoever has it, a later
    run shows that nothing before it was changed. Exit code 1 where a row does not fit.
    """
    with said_plainly():
        found = asyncio.run(_verify(Place(data.absolute()), _logs(log)))
    if json:
        as_json(found)
    else:
        for one in found:
            _say(one)
    if any(one.misfit for one in found):
        raise typer.Exit(1)


def _logs(named: str | None) -> Sequence[str]:
    if named is not None and named not in SERVICES:
        raise Halt(f"{named!r} has no log: {', '.join(SERVICES)}")
    return SERVICES if named is None else [named]


async def _tail(data: Path, logs: Sequence[str], first: int | None, lines: int, follow: bool, show: Show) -> None:
    async with reached(data) as peers:
        begins = {log: first or max(await head(peers, log) - lines + 1, 1) for log in logs}
        if follow or len(logs) == 1:
            streams = [_show_all(peers, log, begin, follow, show) for log, begin in begins.items()]
            await asyncio.gather(*streams)
            return
        rows = [(log, row) for log, begin in begins.items() async for row in read(peers, log, begin)]
    for log, row in sorted(rows, key=lambda one: (one[1].time, one[0], one[1].position)):
        show(log, row)


async def _show_all(peers: Operator, log: str, begin: int, follow: bool, show: Show) -> None:
    async for row in read(peers, log, begin, follow=follow):
        show(log, row)


def event_name(type_: str) -> str:
    """`watchword.token.refresh.rotated.v1` as people say it: refresh.rotated."""
    return type_.split(".", 2)[2].rpartition(".v")[0]


def _line() -> Show:
    out = console()

    def show(log: str, row: Recorded) -> None:
        line = Text.assemble(
            (f"{log:<8} {row.position:>7} ", "bold"),
            (f"{rfc3339(row.time)[11:23]} ", "dim"),
            (f"{event_name(row.type):<24} ", "cyan"),
            f"{plain(row.stream)} ",
            (f"by {plain(row.actor)} {plain(row.body.decode())}", "dim"),
        )
        if out.is_terminal:
            out.print(line, no_wrap=True, overflow="ellipsis")
        else:
            out.print(line, soft_wrap=True)

    return show


def _json_line(log: str, row: Recorded) -> None:
    as_json(
        {
            "log": log,
            "position": row.position,
            "stream": row.stream,
            "stream_version": row.version,
            "type": row.type,
            "time": rfc3339(row.time),
            "command_id": row.command_id,
            "actor": row.actor,
            "correlation_id": row.correlation_id,
            "body": msgspec.Raw(row.body),
            "sealed_hash": row.sealed_hash.hex(),
            "chain_hash": row.chain_hash.hex(),
        }
    )


class Verified(msgspec.Struct, omit_defaults=True):
    """Everything up to `position` fits; `misfit` is the first row that does not, and `reason` why."""

    log: str
    position: int
    chain_hash: str
    misfit: int | None = None
    reason: str | None = None


async def _verify(place: Place, logs: Sequence[str]) -> list[Verified]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    out = console(err=True)
    with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as bar:
        return [await _verify_one(place, log, bar, bar.add_task(log, total=None)) for log in logs]


async def _verify_one(place: Place, log: str, bar: Progress, task: TaskID) -> Verified:
    found = Verified(log, 0, "")
    async for outcome in _outcomes(place, log):
        if isinstance(outcome, Misfit):
            found.misfit, found.reason = outcome.position, outcome.reason
        else:
            found.position, found.chain_hash = outcome.position, outcome.chain_hash.hex()
            bar.update(task, completed=outcome.position, total=outcome.head)
    return found


async def _outcomes(place: Place, log: str) -> AsyncIterator[Checked | Misfit]:
    path = place.secrets / f"{log}.dsn"
    if not path.exists():
        raise Halt(f"no suite has run on {place.data}: start one with `watchword up --data {place.data}`")
    try:
        dsn = path.read_text()
        async for outcome in verify_log(dsn):
            yield outcome
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Halt(
            f"the database of {log} cannot be read ({error or type(error).__name__}): it runs as long as "
            f"`watchword up --data {place.data}` does"
        ) from None


def _say(one: Verified) -> None:
    if one.misfit is None:
        typer.echo(f"{one.log:<8} {one.position:>8} events fit   chain hash {one.chain_hash}")
        return
    typer.echo(f"{one.log:<8} position {one.misfit} does not fit: {one.reason}")
    if one.position:
        typer.echo(f"{one.log:<8} {one.position:>8} events before it fit   chain hash {one.chain_hash}")
