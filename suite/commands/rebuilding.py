"""`watchword projections rebuild`: how far it is, and how long it will take, while it goes on."""

import asyncio
from contextlib import suppress
from typing import Any

from chassis.rpc.client import ask
from eventlog.errors import Refusal
from suite.commands.progress import Show, shown
from suite.operator import Operator
from watchword.log.v1.log_pb2 import ListProjectionsRequest, RebuildProjectionRequest

LOOK = 1.0
PATIENCE = 7 * 24 * 3600.0


async def rebuilt(peers: Operator, service: str, name: str) -> int:
    """Has a projection made anew, and shows on stderr how far it is; the position at which it stands then.

    It goes on where this is broken off, and who asks again waits for the same.
    """
    stub = peers.projections[service]
    asking = asyncio.ensure_future(ask(stub.RebuildProjection, RebuildProjectionRequest(name=name), timeout=PATIENCE))
    with shown(f"{service}'s {name}", "events") as show:
        while not asking.done():
            with suppress(Refusal):  # what is wrong, the rebuild itself tells
                await _look(stub, name, show)
            await asyncio.wait([asking], timeout=LOOK)
    return (await asking).applied


async def _look(stub: Any, name: str, show: Show) -> None:
    for one in (await ask(stub.ListProjections, ListProjectionsRequest())).projections:
        if one.name == name and one.HasField("rebuilt"):
            show(one.rebuilt, one.head)
