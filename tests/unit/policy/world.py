"""Policy with nothing outside: a log in memory, facts folded by hand, a clock that is set."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from chassis.trust import fold_trust
from eventlog.events import Event, Recorded
from eventlog.log import By, Log
from eventlog.projection import MemoryRows, Put
from eventlog.sealing import MemorySealKeys, Sealer, Wrapping
from eventlog.store import MemoryStore
from services.policy.commands import Commands
from services.policy.domain.entities import Entity, Question
from services.policy.domain.events import policy_events
from services.policy.domain.facts import stream_of
from services.policy.domain.rules.engine import Rules
from services.policy.domain.spelled import read
from services.policy.model import row_key
from services.policy.ports import Known
from services.policy.projections import (
    AccountRegistered,
    fold_accounts,
    fold_facts,
    fold_past,
    fold_past_accounts,
    fold_revoked,
)
from services.policy.queries import Decisions, Memory
from services.policy.queries.kept import Shipped
from services.policy.queries.past import Past
from services.policy.queries.search import Searches

DAY = 86_400_000_000
OPERATOR = By("operator/admin", "test")
ALICE = Entity("account", "acc_alice")
EVERYTHING_OF_POLICY = Entity("suite", "policy")


@dataclass
class Following:
    """How far a log is known; level and fresh unless a test says otherwise."""

    applied: int = 0
    seconds: float | None = 0.0
    parked: frozenset[str] = frozenset()
    max_staleness: float = 5.0
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    def age(self) -> float | None:
        return self.seconds

    async def wait(self, position: int, timeout: float) -> bool:
        async with asyncio.timeout(timeout):
            while self.applied < position:
                await self.moved.wait()
        return True

    def advance(self) -> int:
        self.applied += 1
        self.moved.set()
        self.moved = asyncio.Event()
        return self.applied


@dataclass(kw_only=True)
class OwnLog(Following):
    """Policy's own log, which a process follows by itself: who waits for it has it folded."""

    fold: Callable[[], Awaitable[None]]

    async def wait(self, position: int, timeout: float) -> bool:
        await self.fold()
        return self.applied >= position


@dataclass
class SetClock:
    time: int = 1_000 * DAY
    known: bool = True

    def now(self) -> int:
        return self.time


class MemoryTable(MemoryRows):
    """Rows as a table has them; `queries.past.Kept`."""

    def __init__(self, following: Following) -> None:
        super().__init__()
        self._following = following
        self.behind = False

    async def groups(self, kind: str, belong: Sequence[str]) -> list[Put]:
        return [self.whole(kind, key) for one in belong for key in self.group(kind, one)]

    def whole(self, kind: str, key: str) -> Put:
        found = self.find(kind, key)
        assert found is not None
        return found

    async def applied(self) -> int:
        return 0 if self.behind else self._following.applied


@dataclass
class World:
    clock: SetClock = field(default_factory=SetClock)
    identity: Following = field(default_factory=Following)
    token: Following = field(default_factory=Following)
    policies: str = ""
    schema: str = ""

    def __post_init__(self) -> None:
        self.policy = OwnLog(fold=self.settle)
        known: dict[str, list[Known]] = {
            "identity": [self.identity],
            "token": [self.token],
            "policy": [self.policy],
        }
        self.people, self.ended = MemoryRows(), MemoryRows()
        self.memory = Memory(accounts=self.people, revoked=self.ended, known=known)
        self.store = MemoryStore(clock=self.clock.now)
        log = Log(self.store, policy_events, Sealer(Wrapping(bytes(32)), MemorySealKeys()), self.clock.now)
        self.commands = Commands(log, self.memory, patience=0.1)
        self.past, self.past_people = MemoryTable(self.policy), MemoryTable(self.identity)
        kept = Past(self.past, self.past_people, self, self.clock.now)
        self.decisions = Decisions(self.memory, self.clock, Shipped(Rules.of(self.policies, self.schema)), kept)
        self.searches = Searches(self.decisions)

    async def say(self, *facts: Mapping[str, object]) -> int:
        """Writes facts, spelled as in docs/policy.md, and folds them; their position."""
        position = await self.commands.write(OPERATOR, [read(one) for one in facts])
        await self.settle()
        return position

    async def unsay(self, *facts: Mapping[str, object]) -> int:
        """Removes facts; the position at which they are gone."""
        position = await self.commands.write(OPERATOR, [], [read(one) for one in facts])
        await self.settle()
        return position

    def meet(self, *accounts: str) -> None:
        """Identity has these accounts."""
        for account_id in accounts:
            self.at_identity(AccountRegistered(account_id=account_id))

    def may(self, subject: str, action: str, resource: str | None = None, **how: object) -> str:
        """The code of the answer."""
        return self.code(action, Entity.of(subject), None if resource is None else Entity.of(resource), **how)

    async def heads(self) -> tuple[int, int]:
        return self.policy.applied, self.identity.applied

    async def time(self, position: int) -> int | None:
        if position == 0:
            return 0
        rows = await self.store.read(position - 1, 1)
        return rows[0].time if rows else None

    def at_identity(self, event: Event) -> int:
        """Identity's log says this; its position."""
        row = self._row(self.identity, event)
        for change in fold_accounts(event, row):
            self.people.apply(change)
        for change in fold_past_accounts(event, row):
            self.past_people.apply(change)
        return row.position

    def at_token(self, event: Event) -> int:
        """Token's log says this; its position."""
        row = self._row(self.token, event)
        for change in fold_revoked(event, row):
            self.ended.apply(change)
        for change in fold_trust(event, row):
            self.memory.trust.apply(change)
        return row.position

    async def settle(self) -> None:
        """Folds what policy's own log holds by now."""
        for row in await self.store.read(self.policy.applied, 1000):
            event = policy_events.decode(row.type, row.body)
            assert event is not None
            for change in fold_facts(event, row):
                self.memory.facts.apply(change)
            for change in fold_past(event, row):
                self.past.apply(change)
            self.policy.applied = row.position

    def _row(self, following: Following, event: Event) -> Recorded:
        return Recorded(
            position=following.advance(),
            stream="any",
            version=1,
            type=event.type,
            time=self.clock.now(),
            command_id="c",
            actor="a",
            correlation_id="",
            body=msgspec.json.encode(event),
        )

    def code(self, action: str, subject: Entity = ALICE, resource: Entity | None = None, **how: object) -> str:
        """The code of the answer to a question."""
        asked = Question(subject, action, resource, **how)  # type: ignore[arg-type]
        answer = self.decisions.answer(asked)
        assert answer.allowed == (answer.code == "allowed")
        return answer.code


def put(fact: Mapping[str, object]) -> Put:
    """The row of a fact, as it comes from the log."""
    said = read(fact)
    return Put("fact", row_key(said), msgspec.to_builtins(said), belongs=stream_of(said))
