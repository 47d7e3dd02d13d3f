"""The component campaign: thousands of lives of a token process, each killed at its point, and what must hold then.

A kill point is counted where a life was ended by its kill while it was at work, and its log, tables, keys and topic
were then looked at from outside. Lives that came to the end of their work before are counted apart.
"""

import asyncio
import os
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from eventlog.projection.rows import SCHEMA as PROJECTIONS
from eventlog.relay import SCHEMA as RELAY
from suite.postgres import embedded
from tests.fault.campaign.check import REFRESHED, Acknowledged, TableWatch
from tests.fault.campaign.ends import End, end_of
from tests.fault.campaign.judge import unforeseen_reuse
from tests.fault.campaign.keyrings import families_of_dropped_keys, keys_fit
from tests.fault.campaign.life import TABLES, Held, Order, Said
from tests.fault.campaign.observer import Observer, observing
from tests.fault.campaign.zygote import zygote
from tests.harness.database import Database, fresh_database
from tests.harness.kafka import own_broker
from watchword.kafka import Kafka

KEYS = (Path(__file__).parents[3] / "services" / "token" / "schema.sql").read_text()
POPULATION = 16
AT_ONCE = 4
EVERY = 200
"""Lives between two looks at everything, whatever the life did."""
ENOUGH = 50
"""Lives that were meant to end at a point, after which none that did says that nothing passes it any more."""


@dataclass
class Tally:
    """What came of a campaign. `kills` and `meant` count by point; `ends` are lives that ended by themselves."""

    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    meant: Counter[str] = field(default_factory=Counter)
    ends: int = 0
    acknowledged: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def count(self) -> int:
        """How many kill points."""
        return self.kills.total()

    def never_passed(self) -> list[str]:
        """Points at which nothing has ended, though enough was meant to."""
        return [point for point, meant in self.meant.items() if meant >= ENOUGH and not self.kills[point]]

    def __str__(self) -> str:
        lines = [f"  {point:<24}{number:>7}" for point, number in sorted(self.kills.items())]
        total = self.kills.total()
        rate = total / self.seconds if self.seconds else 0.0
        said = "nothing was violated" if not self.wrong else f"{len(self.wrong)} violations:"
        return "\n".join(
            (
                f"seed {self.seed}: {total} kill points in {self.seconds:.0f} s ({rate:.1f} a second)",
                f"{self.ends} lives ended before their points; {self.acknowledged} answers were remembered",
                *lines,
                said,
                *self.wrong[:50],
            )
        )


@dataclass
class Campaign:
    """Drives the lives, one after the other, and looks at what each left."""

    dsn: str
    kafka: Kafka
    observer: Observer
    lives: "Lives"
    tally: Tally
    held: dict[str, Held] = field(default_factory=dict)
    wished: set[str] = field(default_factory=set)
    told: list[Acknowledged] = field(default_factory=list)
    progress: Callable[[str], None] = print

    async def make(self) -> None:
        said = await self.lives.one(Order(self.dsn, self.kafka.servers, 0, 0, work="make"))
        assert [one.what for one in said] == ["missed"], said
        await self._look(End("make", "", 0, 0.0, False, False, "rotate"))

    async def one(self, number: int) -> None:
        """A life, its death, and what it left."""
        end = end_of(self.tally.seed, number)
        order = Order(
            dsn=self.dsn,
            servers=self.kafka.servers,
            seed=number,
            number=number,
            point=end.point,
            passes=end.passes,
            after_ms=end.after_ms,
            tables=end.tables,
            relay=end.relay,
            rotate=end.rotate,
            held=tuple(self.held[family] for family in list(self.held)[-AT_ONCE:]),
        )
        said = await self.lives.one(order)
        for one in said:
            self._hear(one)
        if any(one.what == "asks" and not one.family for one in said):
            self.wished |= set(self.held)  # also those who came meanwhile
        self.tally.meant[end.point or "at random"] += 1
        if said[-1].what == "died":
            self.tally.kills[end.point or "at random"] += 1
        else:
            self.tally.ends += 1
        await self._look(end)
        self._move_on()

    async def settle(self) -> None:
        """A last life, not killed: everybody goes on, all tables and the topic are level, no key is left over."""
        order = Order(
            self.dsn,
            self.kafka.servers,
            0,
            -1,
            work="settle",
            tables=True,
            relay=True,
            held=tuple(self.held.values()),
        )
        for one in await self.lives.one(order):
            self._hear(one)
        await self._look(End("all", "", 0, 0.0, True, True, "rotate"))
        head, log = self.observer.log.position, self.observer.log
        behind = {name: one.position for name, one in self.observer.tables.items() if one.position != head}
        if behind or self.observer.topic.position != head:
            self._wrong([f"not level at the end, {head}: {behind}, topic {self.observer.topic.position}"])
        self._wrong(await self.observer.verified())
        self._wrong(unforeseen_reuse(log, (), ()))
        self._wrong(await families_of_dropped_keys(self.observer))
        self._wrong([f"no life came to {point}" for point in self.tally.never_passed()])

    def _hear(self, said: Said) -> None:
        match said.what:
            case "asks":
                # A compromised key ends the families that it derives: any of those that there are.
                self.wished |= {said.family} if said.family else set(self.held)
            case "answered":
                self.tally.acknowledged += 1
                self.told.append(Acknowledged(said.event or REFRESHED, said.id, said.position))
                if said.refresh_token:
                    self.held[said.family] = Held(said.family, said.refresh_token)
            case "refused" if said.family not in self.wished:
                self._wrong([f"{said.family} was refused ({said.about}): {said.refresh_token.split('.')[3]}"])
                self.held.pop(said.family, None)
            case "refused":
                self.held.pop(said.family, None)
            case "failed":
                self._wrong([said.about])

    async def _look(self, end: End) -> None:
        wrong = await self.observer.look()
        told, self.told = self.told, []
        wrong += self.observer.log.lost(told)
        everything = end.part in ("make", "all") or (self.tally.kills.total() + self.tally.ends) % EVERY == 0
        if end.tables or everything:
            wrong += await self.observer.look_at_tables()
        if end.rotate or everything:
            wrong += await keys_fit(self.observer)
        if end.relay and end.part != "make":
            wrong += await self.observer.look_at_topic(self.kafka, "token")
        self._wrong(wrong)

    def _move_on(self) -> None:
        """Those who were asked to go are gone; the oldest make room, and others come to the front."""
        for family in self.wished & self.held.keys():
            del self.held[family]
        while len(self.held) > POPULATION:
            del self.held[next(iter(self.held))]
        for family in list(self.held)[:2]:
            self.held[family] = self.held.pop(family)

    def _wrong(self, wrong: list[str]) -> None:
        self.tally.wrong += wrong
        for one in wrong:
            self.progress(f"VIOLATED after {self.tally.kills.total()} kill points: {one}")


class Lives:
    """The process that lives are forked from, as this one speaks to it."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._reader: asyncio.StreamReader | None = None

    async def one(self, order: Order) -> list[Said]:
        """What a life said, up to how it ended."""
        if self._reader is None:
            self._reader, self._writer = await asyncio.open_connection(sock=self._channel)
        self._writer.write(msgspec.json.encode(order) + b"\n")
        heard: list[Said] = []
        while not heard or heard[-1].what not in ("died", "missed"):
            line = await self._reader.readline()
            assert line, "the zygote has ended"
            try:
                heard.append(msgspec.json.decode(line, type=Said))
            except msgspec.DecodeError:
                assert len(line) < 2 or line.startswith(b"{"), line  # a word that death has cut off
        return heard


@contextmanager
def forking() -> Iterator[Lives]:
    """Forks the zygote, from a process that runs no loop and no thread yet."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        try:
            zygote(theirs)
        finally:
            os._exit(0)
    theirs.close()
    try:
        yield Lives(ours)
    finally:
        ours.close()
        os.waitpid(pid, 0)


def run(data: Path, seed: int, kills: int, minutes: float, progress: Callable[[str], None]) -> Tally:
    """A campaign of so many kill points, or as many as fit into `minutes`. The directory must not exist yet."""
    with forking() as lives, own_broker(data / "kafka") as broker:
        return asyncio.run(_run(data / "data", Kafka(broker.bootstrap), lives, Tally(seed), kills, minutes, progress))


async def _run(
    data: Path, kafka: Kafka, lives: Lives, tally: Tally, kills: int, minutes: float, progress: Callable[[str], None]
) -> Tally:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(embedded(data))
        database = await stack.enter_async_context(fresh_database(server, data))
        await database.migrate([PROJECTIONS, KEYS, RELAY])
        await cheap_logins(database)
        tables = [TableWatch(one) for one in TABLES]
        observer = await stack.enter_async_context(observing(database.dsn, "token", tables))
        campaign = Campaign(database.dsn, kafka, observer, lives, tally, progress=progress)
        await campaign.make()
        begun, shown, number = time.monotonic(), time.monotonic(), 0
        while tally.kills.total() < kills and time.monotonic() < begun + 60 * minutes and len(tally.wrong) < 20:
            number += 1
            await campaign.one(number)
            tally.seconds = time.monotonic() - begun
            if time.monotonic() > shown + 10:
                shown = time.monotonic()
                progress(f"{tally.kills.total()} of {kills} kill points, {len(tally.wrong)} violations")
        await campaign.settle()
    return tally


async def cheap_logins(database: Database) -> None:
    """Thousands of processes log in at PostgreSQL, and what a password's hash costs is not what is looked at here."""
    password = unquote(urlsplit(database.dsn).password or "")
    async with database.admin() as admin:
        await admin.execute("SET scram_iterations = 1")
        await admin.execute(f"ALTER ROLE {database.role} PASSWORD '{password}'")
