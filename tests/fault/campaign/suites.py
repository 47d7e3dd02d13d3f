"""The campaign against a whole suite: a load, one fault after the other, and what must hold after each."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from eventlog.events import Recorded
from eventlog.projection import foreign
from services.identity.domain.events import events as identity_events
from services.identity.projections import ORIGINS, TOLD, sessions
from services.identity.projections import TRUST as OF_IDENTITY
from services.policy.projections import ACCOUNTS, FACTS, PAST, PAST_ACCOUNTS, REVOKED
from services.policy.projections import TRUST as OF_POLICY
from services.token.entitlements import ENTITLEMENTS
from services.token.projections import CLIENTS, FAMILIES, PARTS
from services.token.projections import TRUST as OF_TOKEN
from suite.errors import Halt
from tests.fault.campaign.check import TableWatch
from tests.fault.campaign.endings import late_uses, still_good, unfounded_denials
from tests.fault.campaign.faults import Struck, strike
from tests.fault.campaign.history import History
from tests.fault.campaign.judge import Judged, judge_refusals, left_at_token, missed_reuse, unforeseen_reuse
from tests.fault.campaign.load import Load, loaded
from tests.fault.campaign.observer import Observer, observing
from tests.fault.campaign.parts import PATIENCE
from tests.fault.campaign.schedule import Step, schedule
from tests.fault.campaign.world import PLACES, World, world
from tests.harness.running import GaveUp

LEEWAY = 10.0
CUSTOMERS = 4
SEALED = frozenset({"address", "agent"})


async def _no_keys(_: Sequence[Recorded]) -> None:
    """What is sealed stays so."""


TABLES = {
    "identity": (OF_IDENTITY, ORIGINS, TOLD, sessions(foreign(identity_events), _no_keys)),
    "token": (OF_TOKEN, CLIENTS, FAMILIES, PARTS, ENTITLEMENTS),
    "policy": (OF_POLICY, FACTS, ACCOUNTS, REVOKED, PAST, PAST_ACCOUNTS),
}
FORGED = ("record_repeated", "records_reordered", "record_corrupt")
EMPTIED = ("kafka_replaced", "topic_trimmed", "records_reordered", "consumer_behind")
Progress = Callable[[str], None]


@dataclass
class Tally:
    """What came of it."""

    seed: int
    struck: Struck = field(default_factory=Struck)
    history: History = field(default_factory=History)
    long_cuts: list[tuple[float, float]] = field(default_factory=list)
    judged: Judged = field(default_factory=lambda: Judged(0, 0, []))
    events: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def count(self) -> int:
        """How many faults there were, those that missed too."""
        return self.struck.meant.total()

    def __str__(self) -> str:
        said = "nothing was violated" if not self.wrong else f"{len(self.wrong)} violations:"
        told = sum(len(one) for one in self.history.told.values())
        lines = (
            f"seed {self.seed}: {self.struck.faults} faults in {self.seconds:.0f} s",
            f"{self.struck.kills.total()} kills",
            f"checked: {self.events} events, {told} answers, {len(self.history.uses)} accepted uses",
            f"{len(self.history.denials)} denials",
            f"{self.judged.cost} logins were the cost of long cuts",
            f"  done    {_shown(self.struck.done)}",
            f"  killed  {_shown(self.struck.kills)}",
            f"  missed  {_shown(self.struck.missed)}",
            f"  answers {_shown(self.history.counts)}",
            said,
            *self.wrong[:60],
        )
        return "\n".join(lines)


def _shown(counts: "dict[str, int]") -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counts.items())) or "-"


@dataclass
class Watched:
    """The three services' logs and tables, as they are looked at after each fault."""

    world: World
    observers: dict[str, Observer]

    async def look(self) -> list[str]:
        """Whatever is wrong with logs and tables now. What one look misses the next one sees."""
        wrong = []
        for service, observer in self.observers.items():
            wrong += await observer.look()
            for name, table in observer.tables.items():
                source = self.observers[table.projection.log]
                wrong += await observer.compare(name, source, f"{service}/{name}")
        return wrong

    async def look_at_topics(self, step: Step | None) -> list[str]:
        """Whatever is wrong with the topics, which may have been emptied, or written by a stranger."""
        cluster = self.world.cluster
        if cluster is None:
            return []
        wrong = []
        for service, observer in self.observers.items():
            if step is not None and step.kind in EMPTIED:
                observer.topic.begins_anywhere()
                observer.offset = 0
            if step is not None and step.kind in FORGED:
                observer.topic.strangers = True
            wrong += await observer.look_at_topic(cluster, service)
        return wrong

    async def lacking_in_topics(self) -> list[str]:
        """Topics that do not come to hold the end of their log. What is wrong with what they hold comes with it."""
        wrong: list[str] = []
        deadline = time.monotonic() + PATIENCE
        while self.world.cluster and (short := [one for one in self.observers.values() if one.lacks_in_its_topic]):
            if time.monotonic() > deadline:
                return [*wrong, *(f"the topic of {one.log.log} ends before {one.log.position}" for one in short)]
            await asyncio.sleep(0.2)
            wrong += await self.look_at_topics(None)
        return wrong


@asynccontextmanager
async def watching(made: World) -> AsyncIterator[Watched]:
    async with AsyncExitStack() as stack:
        observers = {}
        for service, projections in TABLES.items():
            tables = [TableWatch(one, SEALED) for one in projections]
            observers[service] = await stack.enter_async_context(observing(made.dsn(service), service, tables))
            observers[service].waiting.clear()
        for service, projections in TABLES.items():
            for one in projections:
                observers[one.log].waiting[f"{service}/{one.name}"] = []
        yield Watched(made, observers)


def run(data: Path, seed: int, steps: int, minutes: float, kafka: bool, progress: Progress) -> Tally:
    """So many faults, or as many as fit into `minutes`. The directory must not exist yet."""
    return asyncio.run(campaign(data, schedule(seed, steps, kafka), seed, minutes, kafka, progress))


async def campaign(
    data: Path, steps: Sequence[Step], seed: int, minutes: float, kafka: bool, progress: Progress
) -> Tally:
    tally = Tally(seed)
    async with world(data, kafka) as made, watching(made) as watched:
        begun = time.monotonic()
        async with loaded(made, tally.history, seed, CUSTOMERS) as load:
            for step in steps:
                tally.seconds = time.monotonic() - begun
                if tally.seconds > 60 * minutes or len(tally.wrong) > 20:
                    break
                progress(f"{tally.seconds:4.0f} s  {step}")
                await _one(made, load, watched, tally, step, progress)
        tally.seconds = time.monotonic() - begun
        await _finally(made, watched, tally)
    return tally


async def _one(made: World, load: Load, watched: Watched, tally: Tally, step: Step, progress: Progress) -> None:
    """A fault; everybody goes on; nothing is wrong."""
    await asyncio.sleep(step.after)
    begun = time.time()
    await strike(made, tally.history, tally.struck, step)
    wrong: list[str] = []
    try:
        await made.well()
        await load.goes_on()
    except (GaveUp, Halt) as error:
        wrong.append(str(error))
        await tell_what_they_wait_for(made)
    if step.long:
        tally.long_cuts.append((begun, time.time()))
    try:
        wrong += await watched.look()
        wrong += await watched.look_at_topics(step)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        wrong.append(f"the database does not answer: {error!r}")
    wrong += tally.history.odd
    tally.history.odd.clear()
    for one in wrong:
        progress(f"VIOLATED by {step}: {one}")
        tally.wrong.append(f"{step}: {one}")


async def tell_what_they_wait_for(made: World) -> None:
    """Into the log of each process, for who looks for the reason."""
    for process in PLACES:
        await made.parts[process].signal(signal.SIGUSR2)
    await asyncio.sleep(2)


async def _finally(made: World, watched: Watched, tally: Tally) -> None:
    """When all is quiet: all tables are level and as replayed, and the whole history holds."""
    history = tally.history
    wrong: list[str] = []
    try:
        await made.well()
    except (GaveUp, Halt) as error:
        wrong.append(str(error))
    wrong += await watched.look()
    wrong += await watched.look_at_topics(None)
    wrong += await watched.lacking_in_topics()
    for service, observer in watched.observers.items():
        wrong += observer.log.lost(history.told[service])
        wrong += await observer.verified()
        tally.events += observer.log.position
        for name, table in observer.tables.items():
            head = watched.observers[table.projection.log].log.position
            if table.position < head:
                wrong.append(f"{service}'s {name} has applied {table.position} of {head}")
    token = watched.observers["token"].log
    wrong += left_at_token(watched.observers["identity"].log, watched.observers["policy"].log, token)
    wrong += late_uses(history.uses, token)
    wrong += unfounded_denials(history.denials, token)
    wrong += still_good(history.given_back, token)
    wrong += missed_reuse(token, history.replayed)
    wrong += [f"{kind} was meant to strike, and never did" for kind in tally.struck.never()]
    excused = [one.family_id for one in history.refused]
    wrong += unforeseen_reuse(token, history.provoked, excused)
    tally.judged = judge_refusals(history.refused, token, frozenset(history.wished), tally.long_cuts, LEEWAY)
    tally.wrong += [*wrong, *tally.judged.wrong, *history.odd]
