"""`watchword events tail` and `watchword events verify`"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import asyncpg
import msgspec
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.text import Text

from eventlog.events import rfc3339
from eventlog.verify import Checked, Misfit
from eventlog.verify import verify as verify_log
from suite import contract, reading
from suite.commands.common import Data, said_plainly
from suite.commands.reach import Json, reached
from suite.databases import SERVICES
from suite.errors import Halt
from suite.place import Place
from suite.reading import Row
from suite.screen import as_json, console, plain
from watchword.kafka import PREFIX

app = typer.Typer(help="The services' event logs.", no_args_is_help=True)

Show = Callable[[str, Row], None]
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
    kafka: Annotated[bool, typer.Option("--kafka", help="Read what is published in Kafka, not the feed.")] = False,
    broker: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="The cluster, where it is not the running suite's; implies --kafka."),
    ] = None,
    kafka_topics: Annotated[str, typer.Option(metavar="PREFIX", help="What the topics' names begin with.")] = PREFIX,
    json: Json = False,
) -> None:
    """Show events as they leave the services, and check on the way that each continues the chain of hashes.

    The public body only: what is sealed never leaves its service. With --json: an event a line. With --kafka,
    WATCHWORD_KAFKA_SECURITY and its like open the cluster, as they do for the services.
    """
    wanted = Wanted(first, lines, follow)
    show = _json_line if json else _line()
    with said_plainly(), suppress(KeyboardInterrupt):
        if kafka or broker:
            asyncio.run(_tail_topics(broker or _brokers(data), kafka_topics, _logs(log), wanted, show))
        else:
            asyncio.run(_tail_feeds(data, _logs(log), wanted, show))


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


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: from position `first`, else the last `lines`; with `follow` what comes then, too."""

    first: int | None
    lines: int
    follow: bool


async def _tail_feeds(data: Path, logs: Sequence[str], wanted: Wanted, show: Show) -> None:
    async with reached(data) as peers:
        rows = {log: reading.tail(peers, log, wanted.first, wanted.lines, wanted.follow) for log in logs}
        await _show(rows, wanted.follow, show)


async def _tail_topics(servers: str, prefix: str, logs: Sequence[str], wanted: Wanted, show: Show) -> None:
    from suite import topics

    kafka = topics.cluster(servers, prefix)
    rows = {log: topics.tail(kafka, log, wanted.first, wanted.lines, wanted.follow) for log in logs}
    await _show(rows, wanted.follow, show)


def _brokers(data: Path) -> str:
    """Of the suite on DIR. Raises Halt where it has none."""
    servers = contract.read(Place(data.absolute())).kafka
    if servers is None:
        raise Halt(f"the suite on {data} has no Kafka: `up --kafka` gives it one, --broker HOST:PORT names another")
    return servers


async def _show(tails: Mapping[str, AsyncIterator[Row]], follow: bool, show: Show) -> None:
    """As they come; several logs that end in the order in which it happened."""
    if follow or len(tails) == 1:
        await asyncio.gather(*(_show_all(log, rows, show) for log, rows in tails.items()))
        return
    found = [(log, row) for log, rows in tails.items() async for row in rows]
    for log, row in sorted(found, key=lambda one: (one[1].time, one[0], one[1].position)):
        show(log, row)


async def _show_all(log: str, rows: AsyncIterator[Row], show: Show) -> None:
    async for row in rows:
        show(log, row)


def event_name(type_: str) -> str:
    """`watchword.token.refresh.rotated.v1` as people say it: refresh.rotated."""
    return type_.split(".", 2)[2].rpartition(".v")[0]


def _line() -> Show:
    out = console()

    def show(log: str, row: Row) -> None:
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


def _json_line(log: str, row: Row) -> None:
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
