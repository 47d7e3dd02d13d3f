"""`watchword projections list`, `rebuild` and `retry`"""

import asyncio
from typing import Annotated

import msgspec
import typer

from chassis.rpc.client import ask
from suite.commands.common import Data, said_plainly
from suite.commands.reach import Json, asked
from suite.commands.rebuilding import rebuilt
from suite.commands.status import projection_table
from suite.databases import SERVICES
from suite.errors import Halt
from suite.look import ProjectionLook, shown
from suite.operator import Operator
from suite.screen import as_json, console
from watchword.log.v1.log_pb2 import ListProjectionsRequest, RetryParkedRequest

app = typer.Typer(
    help="What each service has made of the logs: it can be made again from them at any time.", no_args_is_help=True
)

PATIENCE = 600.0

Service = Annotated[str, typer.Argument(help="identity, token or policy: the one that holds it.", show_default=False)]
Name = Annotated[str, typer.Argument(help="The projection, as `projections list` names it.", show_default=False)]


@app.command("list")
def list_projections(data: Data, json: Json = False) -> None:
    """List every projection: its log, how far it has applied it, and what it has parked.

    A parked event is one that could not be applied, with all that follows in its stream; the rest of the log goes on.
    """
    found = asked(data, _all)
    if json:
        as_json([{"service": service} | msgspec.to_builtins(one) for service, one in found])
        return
    console().print(projection_table(found))


@app.command()
def rebuild(service: Service, name: Name, data: Data, json: Json = False) -> None:
    """Make a projection anew from its log, beside the old rows; they are replaced when it has caught up.

    The service goes on meanwhile, and keeps most of its time for requests. Ctrl-C ends the wait, not the rebuild.
    """
    with said_plainly():
        refuse_unknown(service)
    applied = asked(data, lambda peers: rebuilt(peers, service, name))
    if json:
        as_json({"applied": applied})
        return
    typer.echo(f"{service}'s {name} is made anew, up to position {applied}.")


@app.command()
def retry(service: Service, name: Name, data: Data, json: Json = False) -> None:
    """Apply parked events again, in order: after an upgrade, or once what stood in the way is gone.

    Exit code 1 where some are still parked.
    """
    with said_plainly():
        refuse_unknown(service)
    request = RetryParkedRequest(name=name)
    answer = asked(data, lambda peers: ask(peers.projections[service].RetryParked, request, timeout=PATIENCE))
    if json:
        as_json({"applied_events": answer.applied_events, "parked_events": answer.parked_events})
    else:
        typer.echo(f"{service}'s {name}: {answer.applied_events} applied, {answer.parked_events} still parked.")
    if answer.parked_events:
        raise typer.Exit(1)


async def _all(peers: Operator) -> list[tuple[str, ProjectionLook]]:
    methods = (peers.projections[name].ListProjections for name in SERVICES)
    answers = await asyncio.gather(*(ask(method, ListProjectionsRequest()) for method in methods))
    return [(name, shown(one)) for name, answer in zip(SERVICES, answers, strict=True) for one in answer.projections]


def refuse_unknown(service: str) -> None:
    """Raises Halt for what is no service."""
    if service not in SERVICES:
        raise Halt(f"{service!r} is no service: {', '.join(SERVICES)}")
