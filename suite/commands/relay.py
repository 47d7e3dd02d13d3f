"""`watchword relay status` and `republish`"""

import asyncio
from typing import Annotated

import msgspec
import typer

from chassis.rpc.client import ask
from suite.commands.common import Data, said_plainly
from suite.commands.projections import Service, refuse_unknown
from suite.commands.reach import Json, asked
from suite.commands.status import relay_table
from suite.databases import SERVICES
from suite.errors import Halt
from suite.look import RelayLook, relay_shown, wrong_with
from suite.operator import Operator
from suite.screen import as_json, console
from watchword.log.v1.log_pb2 import GetRelayRequest, RepublishRequest

app = typer.Typer(help="What publishes each service's log to Kafka.", no_args_is_help=True)

PAUSE = 0.5
INTERRUPTED = 130

First = Annotated[
    int, typer.Option("--from", metavar="POSITION", min=1, help="The first event to publish again; 1 for all of them.")
]


@app.command()
def status(data: Data, json: Json = False) -> None:
    """Say who publishes each log, how far it is, and what hinders it. Exit code 1 where something is wrong."""
    found = asked(data, _all)
    if json:
        as_json([{"service": service} | msgspec.to_builtins(one) for service, one in found])
    elif found:
        console().print(relay_table(found))
    else:
        typer.echo("No Kafka: `watchword up --kafka HOST:PORT` publishes every log.")
    trouble = [f"{service}: {line}" for service, one in found for line in wrong_with(one)]
    if trouble and not json:
        console().print("\n" + "\n".join(trouble), style="bold red")
    if trouble:
        raise typer.Exit(1)


@app.command()
def republish(service: Service, first: First, data: Data, json: Json = False) -> None:
    """Publish a log again from a position on, after what its topic holds by then.

    Readers drop what they have already: nothing is seen twice. Waits until the log is published up to its end again;
    Ctrl-C ends the waiting, not the publishing.
    """
    with said_plainly():
        refuse_unknown(service)
    try:
        done = asked(data, lambda peers: _republished(peers, service, first))
    except KeyboardInterrupt:
        typer.echo("\nIt goes on; `watchword relay status` shows how far it is.", err=True)
        raise typer.Exit(INTERRUPTED) from None
    if json:
        as_json(done)
        return
    typer.echo(f"{service}'s log is in {done.topic} again, from {first} to {done.position}.")


async def _all(peers: Operator) -> list[tuple[str, RelayLook]]:
    looks = await asyncio.gather(*(_look(peers, name) for name in SERVICES))
    return [(name, one) for name, one in zip(SERVICES, looks, strict=True) if one is not None]


async def _look(peers: Operator, service: str) -> RelayLook | None:
    return relay_shown(await ask(peers.relays[service].GetRelay, GetRelayRequest()))


async def _republished(peers: Operator, service: str, first: int) -> RelayLook:
    """The relay, once it is level again with what the log held when it was asked."""
    await ask(peers.relays[service].Republish, RepublishRequest(from_position=first))
    wanted: int | None = None
    said: list[str] = []
    with console(err=True).status("asked …") as line:
        while True:
            one = await _look(peers, service)
            if one is None:
                raise Halt(f"{service} has no Kafka any more")
            wanted = one.head if wanted is None else wanted
            if one.republish_from is None and one.position >= wanted:
                return one
            line.update(f"{one.position} of {one.head}")
            if (wrong := wrong_with(one)) and wrong != said:
                typer.echo("\n".join(wrong), err=True)
            said = wrong
            await asyncio.sleep(PAUSE)
