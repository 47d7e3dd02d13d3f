"""Whether the services are ready, and know all that there is to know."""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx2

from suite.errors import Halt
from suite.ports import Address, listens
from suite.supervisor import Probe

PAUSE = 0.05


def ready_at(http: httpx2.AsyncClient, url: str, address: Address) -> Probe:
    """Asks the /readyz of the service at `url`, and makes sure that it is the child that listens at the address."""

    async def probe(pid: int) -> bool:
        try:
            answer = await http.get(f"{url}/readyz")
        except httpx2.HTTPError:
            return False
        return answer.status_code == 200 and listens(pid, address)

    return probe


async def settled(http: httpx2.AsyncClient, url: str, positions: Mapping[str, int], within: float = 30.0) -> None:
    """Returns when every projection of the service at `url` has had its snapshot and has applied the positions, by log.

    Raises Halt where one has not after `within` seconds, and says which.
    """
    deadline = asyncio.get_running_loop().time() + within
    level: set[str] = set()
    while True:
        behind = await _behind(http, url, positions, level)
        if not behind:
            return
        if asyncio.get_running_loop().time() > deadline:
            raise Halt(f"{url} does not know all logs after {within:.0f} s: {'; '.join(behind)}")
        await asyncio.sleep(PAUSE)


async def _behind(http: httpx2.AsyncClient, url: str, positions: Mapping[str, int], level: set[str]) -> list[str]:
    """What is not level, for people. A projection that was seen level once is remembered: a busy log's head runs on."""
    try:
        report = (await http.get(f"{url}/readyz", params={"verbose": ""})).json()
    except (httpx2.HTTPError, ValueError) as error:
        return [str(error)]
    level |= {one["name"] for one in report["projections"] if _level(one, positions.get(one["log"], 0))}
    unmet = [f"{name}: {check['reason']}" for name, check in report["checks"].items() if not check["ok"]]
    return unmet + [
        f"{one['name']} has applied {one['applied']} of {one['head']} of {one['log']}'s log"
        for one in report["projections"]
        if one["name"] not in level
    ]


def _level(one: Mapping[str, Any], position: int) -> bool:
    in_memory = one["name"].endswith("@memory")  # what decides; a table or a reaction is level or behind, never stale
    fresh = one["lag_seconds"] is not None or not in_memory
    return fresh and one["applied"] >= max(one["head"], position)
