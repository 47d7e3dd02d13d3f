"""`watchword status`"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import httpx2
import msgspec
import typer
from rich.table import Table

from suite import contract
from suite.commands.common import Data, said_plainly
from suite.commands.reach import Json
from suite.look import ProjectionLook, RelayLook, ServiceLook, look, wrong_with
from suite.operator import operator
from suite.place import Place
from suite.screen import as_json, console, row, table

SETTLES = 2.0
PAUSE = 0.1


def status(data: Data, json: Json = False) -> None:
    """Say who answers, who is ready and how far each projection is. Exit code 1 where something is wrong."""
    with said_plainly():
        found = asyncio.run(_settled(data))
    if json:
        as_json({"ok": not _trouble(found), "services": msgspec.to_builtins(found)})
    else:
        _print(found)
    if _trouble(found):
        raise typer.Exit(1)


async def _settled(data: Path) -> list[ServiceLook]:
    """A projection that is applying an event at this moment is not in trouble: look again before saying so."""
    place = Place(data.absolute())
    running = contract.read(place)
    deadline = asyncio.get_running_loop().time() + SETTLES
    async with (
        operator(place, lambda name: running.api(name).grpc) as peers,
        httpx2.AsyncClient(timeout=SETTLES, trust_env=False) as http,
    ):
        while True:
            found = await look(running, peers, http)
            if not _trouble(found) or asyncio.get_running_loop().time() > deadline:
                return found
            await asyncio.sleep(PAUSE)


def _trouble(found: Sequence[ServiceLook]) -> bool:
    return any(one.trouble for one in found)


def _print(found: Sequence[ServiceLook]) -> None:
    services = table("service", "reachable", "ready", "REST", "gRPC")
    for one in found:
        style = "bold red" if one.trouble else None
        row(services, one.service, _yes(one.reachable), _yes(one.ready), one.rest, one.grpc, style=style)
    out = console()
    out.print(services)
    if projections := [(one.service, each) for one in found for each in one.projections]:
        out.print()
        out.print(projection_table(projections))
    if relays := [(one.service, one.relay) for one in found if one.relay is not None]:
        out.print()
        out.print(relay_table(relays))
    if notes := [f"{one.service}: {line}" for one in found for line in one.notes]:
        out.print()
        out.print("\n".join(notes), style="yellow")
    if trouble := [f"{one.service}: {line}" for one in found for line in one.trouble]:
        out.print()
        out.print("\n".join(trouble), style="bold red")
    if not any(one.reachable for one in found):
        out.print("\n`watchword up` with the same --data starts the suite.")


def _yes(yes: bool) -> str:
    return "yes" if yes else "NO"


def projection_table(found: Sequence[tuple[str, ProjectionLook]]) -> Table:
    """Projections by service, for people."""
    shown = table(
        "service",
        "projection",
        "log",
        "via",
        "applied",
        "head",
        "lag",
        "parked",
        numbers=["applied", "head", "lag", "parked"],
    )
    for service, one in found:
        lag = "" if one.lag_seconds is None else f"{one.lag_seconds:.2f} s"
        style = "bold red" if one.parked_events or not one.level else None
        row(shown, service, one.name, one.log, one.via, one.applied, one.head, lag, one.parked_events, style=style)
    return shown


def relay_table(found: Sequence[tuple[str, RelayLook]]) -> Table:
    """What publishes each log to Kafka, for people."""
    shown = table(
        "service", "topic", "holder", "position", "head", "lag", "trouble", numbers=["position", "head", "lag"]
    )
    for service, one in found:
        lag = "" if one.lag_seconds is None else f"{one.lag_seconds:.2f} s"
        style = "bold red" if wrong_with(one) else None
        row(shown, service, one.topic, one.holder, one.position, one.head, lag, one.trouble, style=style)
    return shown
