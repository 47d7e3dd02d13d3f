"""`watchword kafka`: the broker alone, until it is told to stop."""

import asyncio
import shutil
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from suite.account import database_account, make_data
from suite.fleet import UP
from suite.kafka.broker import prepare, ready_at
from suite.kafka.choice import listeners
from suite.kafka.jars import VERSION
from suite.kafka.java import require_extra
from suite.leftover import stop_services
from suite.place import Place, sole_use
from suite.ports import Address, refuse_taken
from suite.report import Report
from suite.signals import until_stopped
from suite.supervisor import Supervisor


@dataclass(frozen=True, slots=True)
class Options:
    """What `watchword kafka` was asked for."""

    data: Path
    address: Address
    wipe: bool = False
    heap: str = "512m"


def alone(options: Options, report: Report) -> None:
    """Runs the broker until SIGINT, SIGTERM or SIGHUP. Raises Halt where it cannot start or go on."""
    asyncio.run(until_stopped(lambda stack: _run(options, report, stack), report))


async def _run(options: Options, report: Report, stack: AsyncExitStack) -> None:
    require_extra()
    place = Place(options.data.resolve())
    make_data(place.data, database_account(place.kafka))
    stack.enter_context(sole_use(place.data))
    for directory in (place.secrets, place.logs):  # the first is empty, and tells the next start whose DIR it is
        directory.mkdir(mode=0o700, exist_ok=True)
    await asyncio.to_thread(stop_services, UP, place.data)
    refuse_taken(listeners("--port PORT", options.address))
    if options.wipe and place.kafka.exists():
        shutil.rmtree(place.kafka)
    supervisor = Supervisor(place.logs, report)
    with report.step(f"Apache Kafka {VERSION}"):
        command = await prepare(place, options.address, {UP: str(place.data)}, options.heap)
        stack.push_async_callback(supervisor.stop)
        await supervisor.keep(command, ready_at(options.address), foundation=True)
    report.line(f"Apache Kafka listens on {options.address}. Its data is in {place.kafka}. Ctrl-C stops it.")
    await supervisor.broken()
