"""Each kind of fault that a schedule names: it strikes, holds, and is over when it returns."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import asyncpg
import psutil
from aiokafka.errors import KafkaError

from tests.fault.campaign import database_faults, topic_faults
from tests.fault.campaign.history import History
from tests.fault.campaign.locksmith import rotates
from tests.fault.campaign.network import Mood, Told
from tests.fault.campaign.parts import Part
from tests.fault.campaign.schedule import READER, Step
from tests.fault.campaign.world import LIBFAKETIME, World

REACHED = 8.0
"""Seconds within which a process comes to the point at which it is to die."""
ENOUGH = 6
"""How often a kind is meant to strike, after which that it never did says that it cannot."""
MOODS: dict[str, Mood] = {"cut": "cut", "long_cut": "cut", "silent": "silent", "slow": "slow"}


class Missed(Exception):
    """A fault that could not strike, and what it was meant for."""


@dataclass
class Struck:
    """What was meant, by kind, and what was really done of it; `kills` by process and point; what was `missed`."""

    meant: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)

    @property
    def faults(self) -> int:
        """How many struck; `done` also says how, where there are two ways."""
        return sum(self.done[kind] for kind in FAULTS)

    def never(self) -> list[str]:
        """Kinds that never struck, though often enough they were meant to."""
        return [kind for kind, meant in self.meant.items() if meant >= ENOUGH and not self.done[kind]]


Fault = Callable[[World, History, Struck, Step], Awaitable[None]]


async def strike(world: World, history: History, struck: Struck, step: Step) -> None:
    """Does what the step says. What a cluster or a database does not let it do now is counted as missed."""
    struck.meant[step.kind] += 1
    try:
        await FAULTS[step.kind](world, history, struck, step)
    except Missed as missed:
        struck.missed[str(missed)] += 1
    except (KafkaError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError, OSError) as error:
        struck.missed[f"{step.kind}: {type(error).__name__}"] += 1
    else:
        struck.done[step.kind] += 1


async def kill(world: World, history: History, struck: Struck, step: Step) -> None:
    """kill -9; somebody starts it again."""
    if step.target == "kafka":
        await topic_faults.killed(world)
    else:
        part = await _part(world, step.target)
        await part.signal(signal.SIGKILL)
        await part.died(REACHED)
    struck.kills[step.target] += 1


async def pause(world: World, history: History, struck: Struck, step: Step) -> None:
    """SIGSTOP, and SIGCONT after a while."""
    if step.target == "kafka":
        broker, _ = topic_faults.broker_of(world)
        await asyncio.to_thread(broker.freeze)
        await asyncio.sleep(step.hold)
        broker.thaw()
        return
    part = await _part(world, step.target)
    pids = [part.pid, *(one.pid for one in psutil.Process(part.pid).children(recursive=True))]
    with _stopped(*pids):
        await asyncio.sleep(step.hold)
    part.became_ready = time.time()


async def die_at_a_point(world: World, history: History, struck: Struck, step: Step) -> None:
    """The process kills itself where it passes the point for the n-th time."""
    part = await _part(world, step.target)
    order = world.orders / str(part.pid)
    order.write_text(f"{step.point} {step.passes}")
    try:
        dying = asyncio.ensure_future(part.died(REACHED))
        if step.point.startswith("rotation"):
            for _ in range(step.passes):
                await rotates(world, history, part.name)
        if not await dying:
            raise Missed(step.point)
        struck.kills[step.point] += 1
    finally:
        order.unlink()


async def broken_way(world: World, history: History, struck: Struck, step: Step) -> None:
    """A way is cut, silent or slow for a while."""
    mood = MOODS[step.kind]
    for way in world.ways[step.target]:
        await world.network.tell(Told(way, "turn", mood=mood, delay=step.size / 1000))
    try:
        await asyncio.sleep(step.hold)
    finally:
        for way in world.ways[step.target]:
            await world.network.tell(Told(way, "turn"))


async def reset(world: World, history: History, struck: Struck, step: Step) -> None:
    """The next answer that comes over a way is reset half-way."""
    ways = world.ways[step.target]
    before, deadline = await _were_reset(world, ways), time.monotonic() + REACHED
    for way in ways:
        await world.network.tell(Told(way, "reset", half=step.size))
    try:
        while await _were_reset(world, ways) == before:
            if time.monotonic() > deadline:
                raise Missed(f"reset {step.target}")
            await asyncio.sleep(0.05)
    finally:
        for way in ways:
            await world.network.tell(Told(way, "turn"))


async def _were_reset(world: World, ways: list[str]) -> int:
    return sum([await world.network.tell(Told(way, "were_reset")) for way in ways])


async def database_restarted(world: World, history: History, struck: Struck, step: Step) -> None:
    """A fast shutdown amid whatever is being appended; it is started again at once."""
    await world.parts["postgres"].signal(signal.SIGINT)
    await world.parts["postgres"].died(REACHED)


async def connections_exhausted(world: World, history: History, struck: Struck, step: Step) -> None:
    await database_faults.connections_exhausted(world, step.hold)


async def disk_full(world: World, history: History, struck: Struck, step: Step) -> None:
    how = await database_faults.disk_full(world, step.hold)
    struck.done[f"disk_full {how}"] += 1


async def clock_moved(world: World, history: History, struck: Struck, step: Step) -> None:
    """The wall clock of one process is an hour off for a while."""
    if LIBFAKETIME is None:
        raise Missed("clock_moved: libfaketime is not installed")
    world.clock(step.target).write_text(f"{step.size:+}")
    try:
        await asyncio.sleep(max(step.hold, 2.5))  # the process looks once a second
    finally:
        world.clock(step.target).write_text("+0")


async def kafka_replaced(world: World, history: History, struck: Struck, step: Step) -> None:
    await topic_faults.replaced(world)


async def topic_trimmed(world: World, history: History, struck: Struck, step: Step) -> None:
    await topic_faults.trimmed(world, step.target)


async def record_repeated(world: World, history: History, struck: Struck, step: Step) -> None:
    await topic_faults.repeated(world, step.target)


async def records_reordered(world: World, history: History, struck: Struck, step: Step) -> None:
    """What a reader, which stands still meanwhile, would read next comes to it the newest first."""
    with _stopped(world.parts[READER].pid):
        await asyncio.sleep(step.hold)
        if not await topic_faults.reordered(world, step.target):
            raise Missed(f"records_reordered {step.target}")


async def record_corrupt(world: World, history: History, struck: Struck, step: Step) -> None:
    await topic_faults.corrupted(world, step.target)


async def consumer_behind(world: World, history: History, struck: Struck, step: Step) -> None:
    """A reader stands still while much happens, and what it would read next is trimmed meanwhile."""
    with _stopped(world.parts[step.target].pid):
        await asyncio.sleep(step.hold)
        await topic_faults.trimmed(world, "token")


FAULTS: dict[str, Fault] = {
    "kill": kill,
    "pause": pause,
    "point": die_at_a_point,
    "cut": broken_way,
    "long_cut": broken_way,
    "silent": broken_way,
    "slow": broken_way,
    "reset": reset,
    "database_restarted": database_restarted,
    "connections_exhausted": connections_exhausted,
    "disk_full": disk_full,
    "clock_moved": clock_moved,
    "kafka_replaced": kafka_replaced,
    "topic_trimmed": topic_trimmed,
    "record_repeated": record_repeated,
    "records_reordered": records_reordered,
    "record_corrupt": record_corrupt,
    "consumer_behind": consumer_behind,
}


async def _part(world: World, target: str) -> Part:
    """The part of that name; `relay.token` is the process that holds token's relay now. Raises Missed: none does."""
    if not target.startswith("relay."):
        return world.parts[target]
    holder = await world.relay_of(target.removeprefix("relay."))
    if holder is None:
        raise Missed(target)
    return world.parts[holder]


@contextmanager
def _stopped(*pids: int) -> Iterator[None]:
    """They stand still while the context lasts."""
    _send(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        _send(pids, signal.SIGCONT)


def _send(pids: Sequence[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
