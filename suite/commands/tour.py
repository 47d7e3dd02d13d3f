"""`watchword tour`"""

import asyncio
import sys
from pathlib import Path

import typer

from suite import contract
from suite.commands.common import Data, said_plainly
from suite.commands.reach import reached
from suite.place import Place
from suite.tour.show import Show
from suite.tour.story import tour as walk
from suite.tour.visitor import Broken


def tour(data: Data) -> None:
    """Walk through the whole story on a running suite: log in, refresh, a theft, and all three services refuse.

    Each step is checked. Where one does not hold, the tour says which and ends with exit code 1.
    """
    with said_plainly():
        try:
            asyncio.run(_walk(data))
        except Broken as broken:
            sys.stderr.write(f"{broken}\n")
            raise typer.Exit(1) from None


async def _walk(data: Path) -> None:
    running = contract.read(Place(data.absolute()))
    async with reached(data) as peers:
        await walk(running, peers, Show())
