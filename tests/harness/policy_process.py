"""Policy's processes within a test's own, wired as services/policy/__main__.py wires one, but for its doors: each has a
pool, a writer and projections of its own on one database. Identity's and token's logs are in memory, where a test
writes them.
"""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from chassis.clock import LogTime
from chassis.foundation import Foundation
from chassis.process import Process
from chassis.trust import Trust
from eventlog.events import Event, encode
from eventlog.feed import LocalFeed
from eventlog.log import Log
from eventlog.postgres import PostgresStore
from eventlog.projection import Projections
from eventlog.projection.checkpoint import Moves
from eventlog.readers import MemoryReaders, PostgresReaders
from eventlog.sealing import MemorySealKeys, Sealer, Wrapping
from eventlog.store import Command, MemoryStore, NewEvent, Store, Write
from services.policy.commands import Commands
from services.policy.domain.events import policy_events
from services.policy.domain.standing import IDENTITY, POLICY, TOKEN
from services.policy.inforce import InForce, Together
from services.policy.model import Model
from services.policy.projections import ACCOUNTS, FACTS, PAST, PAST_ACCOUNTS, REVOKED, TRUST
from services.policy.queries import Decisions, Memory
from services.policy.queries.kept import Heads, KeptRows
from services.policy.queries.past import Past
from services.policy.queries.rules import Activated
from tests.harness.database import Database
from tests.unit.chassis.authority import Authority
from tests.unit.policy.world import SetClock

UNHURRIED = 600.0
"""Seconds that what is known may be old: a machine may be busy, and no test here is about that."""
CONNECTIONS = 12


@dataclass
class Neighbours:
    """What identity and token say."""

    logs: dict[str, MemoryStore] = field(default_factory=lambda: {name: MemoryStore() for name in (IDENTITY, TOKEN)})

    async def says(self, name: str, event: Event) -> int:
        """Appends an event, on a stream of its own; its position."""
        new = NewEvent(event.type, encode(event)[0])
        command = Command(secrets.token_hex(8), "test", "c", [Write(f"test/{secrets.token_hex(8)}", 0, [new])])
        return (await self.logs[name].append(command)).last

    def feed(self, name: str) -> LocalFeed:
        store = self.logs[name]
        return LocalFeed(name, store, MemoryReaders(), store.clock)


@dataclass(frozen=True, slots=True)
class PolicyProcess:
    """One process: what it is told, what it answers, and how far it is."""

    store: Store
    commands: Commands
    decisions: Decisions
    memory: Memory
    projections: Projections

    async def knows(self, log: str, position: int) -> None:
        """Returns once a position of a log is applied in this process's memory."""
        for one in self.memory.known[log]:
            assert await one.wait(position, UNHURRIED), f"{log} {position} is not applied"

    async def keeps(self, log: str, position: int) -> None:
        """The same in the tables, too: what `at_least` waits for."""
        assert await self.projections.wait(log, position, UNHURRIED), f"{log} {position} is not kept"


def _as_it_is(store: Store) -> Store:
    return store


@asynccontextmanager
async def policy_process(
    database: Database, neighbours: Neighbours, clock: SetClock, around: Callable[[Store], Store] = _as_it_is
) -> AsyncIterator[PolicyProcess]:
    """Started, and level with all logs. It decides by the clock given, and writes through `around` its store."""
    process = Process(POLICY)
    try:
        made = await _wired(database, neighbours, clock, around, process)
        await process.start()
        yield made
        assert process.failed is None, process.failed
    finally:
        await process.close()


async def _wired(
    database: Database, neighbours: Neighbours, clock: SetClock, around: Callable[[Store], Store], process: Process
) -> PolicyProcess:
    base = await _laid(database, process)
    own, identity, token = base.own(), neighbours.feed(IDENTITY), neighbours.feed(TOKEN)
    facts, in_force, trust = Model(), InForce(), Trust()
    in_facts = base.follow(FACTS, own, Together(facts, in_force))
    in_accounts, people = base.look_up(process, ACCOUNTS, identity)
    in_revoked, ended = base.look_up(process, REVOKED, token)
    in_trust = base.follow(TRUST, token, trust)
    past, past_accounts = base.keep(PAST, own), base.keep(PAST_ACCOUNTS, identity)
    followed = [in_facts, in_accounts, in_revoked, in_trust, past, past_accounts]
    for one in followed:
        one.memory.max_staleness = UNHURRIED
    projections = base.run(process, followed)
    known = {
        POLICY: [in_facts.memory],
        IDENTITY: [in_accounts.memory],
        TOKEN: [in_revoked.memory, in_trust.memory],
    }
    memory = Memory(facts, people, ended, trust, known)
    heads = Heads(base.store, memory)
    kept = Past(KeptRows(past.rows), KeptRows(past_accounts.rows), heads, clock.now)
    decisions = Decisions(memory, clock, Activated(in_force, heads, in_facts.memory), kept)
    store = around(base.store)
    log = Log(store, policy_events, Sealer(base.wrapping, MemorySealKeys()), clock.now)
    return PolicyProcess(store, Commands(log, memory), decisions, memory, projections)


async def _laid(database: Database, process: Process) -> Foundation:
    async def now() -> int:
        return (await store.head()).now

    pool, time = await process.enter(database.pool(CONNECTIONS)), LogTime(now)
    store = await process.enter(PostgresStore(database.dsn, pool, time.observe))
    process.background("time", time.run)
    return Foundation(
        service=POLICY,
        me=secrets.token_hex(3),
        tls=Authority().service(POLICY),
        pool=pool,
        time=time,
        store=store,
        readers=PostgresReaders(pool),
        cluster=None,
        wrapping=Wrapping(bytes(32)),
        relay=None,
        moves=Moves(pool),
    )
