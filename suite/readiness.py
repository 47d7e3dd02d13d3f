"""Whether the services are ready, and have seen all that there is to see."""

import asyncio
from collections.abc import Mapping

import httpx2

from chassis.rpc.client import ask
from eventlog.errors import Refusal
from suite.errors import Halt
from suite.operator import Operator
from suite.supervisor import Probe
from watchword.log.v1.log_pb2 import ListProjectionsRequest

PAUSE = 0.05


def ready_at(client: httpx2.AsyncClient, url: str) -> Probe:
    """Asks a service's /readyz."""

    async def probe() -> bool:
        try:
            return (await client.get(f"{url}/readyz")).status_code == 200
        except httpx2.HTTPError:
            return False

    return probe


async def settled(operator: Operator, positions: Mapping[str, int], within: float = 30.0) -> None:
    """Returns when every projection of every service has its snapshot and has applied the positions, by log.

    Raises Halt where one has not after `within` seconds, and says which.
    """
    deadline = asyncio.get_running_loop().time() + within
    while behind := await _behind(operator, positions):
        if asyncio.get_running_loop().time() > deadline:
            raise Halt(f"not all services know the others' logs after {within:.0f} s: {'; '.join(behind)}")
        await asyncio.sleep(PAUSE)


async def _behind(operator: Operator, positions: Mapping[str, int]) -> list[str]:
    return [line for name in operator.projections for line in await _behind_in(operator, name, positions)]


async def _behind_in(operator: Operator, name: str, positions: Mapping[str, int]) -> list[str]:
    try:
        answer = await ask(operator.projections[name].ListProjections, ListProjectionsRequest(), wait_for_ready=True)
    except Refusal as refusal:
        return [f"{name}: {refusal.detail}"]
    wanted = [(one, max(one.head, positions.get(one.log, 0))) for one in answer.projections]
    return [
        f"{name}'s {one.name} has applied {one.applied} of {position} of {one.log}'s log"
        for one, position in wanted
        if not one.HasField("lag") or one.applied < position
    ]
