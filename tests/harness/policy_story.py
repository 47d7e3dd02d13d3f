"""A history as it is told to processes of policy, and what the reference makes of it."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from chassis.trust import SessionRevoked, SubjectRevoked
from eventlog.errors import Refusal
from eventlog.events import Event, Recorded, rfc3339
from eventlog.log import By
from eventlog.store import Store
from services.policy.domain import facts as policy
from services.policy.domain.entities import Entity, Question
from services.policy.domain.events import policy_events
from services.policy.domain.spelled import read
from services.policy.domain.standing import IDENTITY, POLICY, TOKEN
from services.policy.projections import (
    AccountDisabled,
    AccountEnabled,
    AccountErased,
    AccountRegistered,
    AccountSignedOut,
    CredentialChanged,
    SessionEnded,
    SessionStarted,
    fold_facts,
)
from services.policy.queries import Moment
from tests.harness.gated import Sending
from tests.harness.policy_histories import Heard, Passed, Step, Told, asking, ending, hearing, named, own
from tests.harness.policy_models import NOW_US, PEOPLE
from tests.harness.policy_people import Said, against, known
from tests.harness.policy_process import Neighbours, PolicyProcess
from tests.harness.policy_reference import Asked, Fact, commanded, decided
from tests.unit.policy.world import SetClock, World

BY = By("operator/admin", "story")
Answers = dict[Asked, tuple[bool, str]]
"""By the question: whether it is allowed, and the code."""


@dataclass(frozen=True, slots=True)
class Was:
    """What was so from a position and time (µs since 1970) of policy's log on."""

    position: int
    time: int
    facts: Sequence[Fact]


@dataclass
class Story:
    """One history. `facts` are those that commands were acknowledged for, `said` is all that was heard of people, `was`
    has one for each acknowledged command that changed anything, `ends` are times in µs since 1970.
    """

    number: int
    processes: Sequence[PolicyProcess]
    neighbours: Neighbours
    clock: SetClock
    facts: list[Fact] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    was: list[Was] = field(default_factory=list)
    ends: set[int] = field(default_factory=set)
    began: int = field(default_factory=lambda: time.time_ns() // 1000)

    async def begin(self) -> int:
        """The people of the models are there, a moment before what ends begins to. The position of policy's log."""
        self.clock.time = NOW_US - 2
        for account, disabled in PEOPLE.items():
            for type_ in ("account.registered", *(["account.disabled"] if disabled else [])):
                await self.hear({"log": "identity", "type": type_, "account": account})
        return (await self.processes[0].store.head()).position

    async def step(self, step: Step) -> str:
        """The code of a refusal; empty where there is none."""
        match step:
            case Passed(passed):
                self.clock.time += passed
            case Heard(said):
                await self.hear(said)
            case Told():
                return await self.tell(step)
        return ""

    async def hear(self, said: Said) -> None:
        """Returns once all processes have heard it."""
        seen = len(self.neighbours.logs[TOKEN].rows)
        told = {**hearing(said, self.number), "seen": seen}
        position = await self.neighbours.says(said["log"], event_of(told))
        now = self.neighbours.logs[said["log"]].rows[position - 1].time
        self.said.append({**told, "position": position, "time": now})
        for process in self.processes:
            await process.knows(said["log"], position)

    async def tell(self, told: Told) -> str:
        """Returns once all processes know of it; the code of its refusal, which changed nothing."""
        process, (write, remove) = self.processes[told.process], self.meant(told)
        before = (await process.store.head()).position
        try:
            at = await process.commands.write(BY, facts_of(write), facts_of(remove), restored=told.restored)
        except Refusal as refusal:
            assert (await process.store.head()).position == before
            return refusal.code
        self.facts = commanded(self.facts, write, remove)
        if at > before:
            (row,) = await process.store.read(at - 1, 1)
            self.was.append(Was(at, row.time, self.facts))
        for one in self.processes:
            await one.knows(POLICY, at)
        return ""

    async def tell_at_once(self, told: Sequence[Told], send: Sending) -> tuple[list[Told], list[str]]:
        """Sends commands at once. Those that the log holds, in its order, once all processes know of them; and of each
        the code of its refusal.
        """
        store = self.processes[0].store
        before = (await store.head()).position
        codes = await send([partial(self._sent, str(number), one) for number, one in enumerate(told)])
        rows = await rows_of(store, before)
        held = [told[int(actor)] for actor in dict.fromkeys(row.actor for row in rows)]
        for one in held:
            self.facts = commanded(self.facts, *self.meant(one))
        for process in self.processes:
            await process.knows(POLICY, before + len(rows))
        return held, codes

    async def _sent(self, actor: str, told: Told) -> str:
        commands, (write, remove) = self.processes[told.process].commands, self.meant(told)
        try:
            await commands.write(By(actor, "story"), facts_of(write), facts_of(remove), restored=told.restored)
        except Refusal as refusal:
            return refusal.code
        return ""

    async def kept(self) -> None:
        """Returns once the tables hold all that was told and heard."""
        position = (await self.processes[0].store.head()).position
        for process in self.processes:
            await process.keeps(POLICY, position)
            await process.keeps(IDENTITY, len(self.neighbours.logs[IDENTITY].rows))

    def meant(self, told: Told) -> tuple[list[Fact], list[Fact]]:
        """What it writes and removes, with names of this story's own."""
        write, remove = ([own(fact, self.number) for fact in facts] for facts in (told.write, told.remove))
        if told.ends is not None:
            end = self.began + told.ends * 1000
            self.ends.add(end)
            write = ending(write, rfc3339(end))
        return write, remove

    def expected(self, asked: Sequence[Asked], session: str | None = None) -> Answers:
        """What the reference says now."""
        people, now = known(self.said), self.clock.now()
        return {one: decided(self.facts, people, one, now, self._against(one, session)) for one in self.own(asked)}

    def expected_then(self, asked: Sequence[Asked], facts: Sequence[Fact], now: int) -> Answers:
        """What the reference says of facts that were so, and of people as they were, at a time (µs since 1970)."""
        people = known([one for one in self.said if one["time"] <= now])
        return {one: decided(facts, people, one, now) for one in self.own(asked)}

    def facts_at(self, now: int) -> Sequence[Fact]:
        """The facts by a time, in µs since 1970."""
        return next((was.facts for was in reversed(self.was) if was.time <= now), ())

    async def answers(
        self, process: PolicyProcess, asked: Sequence[Asked], session: str | None = None, then: Moment | None = None
    ) -> Answers:
        """What a process answers, now or as of another time."""
        own, session = self.own(asked), None if session is None else named(session, self.number)
        found = await process.decisions.answers([_question(one, session) for one in own], then)
        return {one: (answer.allowed, answer.code) for one, answer in zip(own, found, strict=True)}

    def own(self, asked: Sequence[Asked]) -> list[Asked]:
        """The questions with names of this story's own."""
        return [asking(one, self.number) for one in asked]

    def _against(self, asked: Asked, session: str | None) -> str | None:
        account = asked.subject.partition("/")[2]
        return None if session is None else against(self.said, named(session, self.number), account)


@dataclass
class Alone:
    """One process, in memory, that is told all that a story tells to several, and knows it at once."""

    story: Story
    heard: int = 0

    def __post_init__(self) -> None:
        self.world = World(clock=self.story.clock)

    async def step(self, step: Step) -> str:
        """See Story.step, which goes first."""
        for said in self.story.said[self.heard :]:
            if said["log"] == IDENTITY:
                self.world.at_identity(event_of(said))
        self.heard = len(self.story.said)
        return await self.tell(step) if isinstance(step, Told) else ""

    async def tell(self, told: Told) -> str:
        """The code of its refusal."""
        write, remove = map(facts_of, self.story.meant(told))
        try:
            await self.world.commands.write(BY, write, remove, restored=told.restored)
        except Refusal as refusal:
            return refusal.code
        await self.world.settle()
        return ""


@dataclass
class Replay:
    """Another process that reads policy's log anew, from where a story begins, and hears what was said by then."""

    story: Story
    at: int
    world: World = field(default_factory=World)
    heard: int = 0

    async def answers(self, asked: Sequence[Asked], was: Was) -> Answers:
        """What is decided at a position and time, neither of which goes back."""
        for row in await rows_of(self.story.processes[0].store, self.at, was.position):
            event = policy_events.decode(row.type, row.body)
            assert event is not None
            for change in fold_facts(event, row):
                self.world.memory.facts.apply(change)
            self.at = row.position
        by_then = [one for one in self.story.said if one["log"] == IDENTITY and one["time"] <= was.time]
        for said in by_then[self.heard :]:
            self.world.at_identity(event_of(said))
        self.heard = len(by_then)
        self.world.clock.time = was.time
        found = {one: self.world.decisions.answer(_question(one, None)) for one in self.story.own(asked)}
        return {one: (answer.allowed, answer.code) for one, answer in found.items()}


async def rows_of(store: Store, after: int, up_to: int = sys.maxsize) -> list[Recorded]:
    """The log between two positions."""
    found: list[Recorded] = []
    while page := await store.read(found[-1].position if found else after, 500):
        found += page
    return [row for row in found if row.position <= up_to]


def facts_of(said: Sequence[Fact]) -> list[policy.Fact]:
    return [read(one) for one in said]


def _question(asked: Asked, session: str | None) -> Question:
    resource = None if asked.resource is None else Entity.of(asked.resource)
    return Question(Entity.of(asked.subject), asked.action, resource, session)


def event_of(said: Said) -> Event:
    """What identity or token writes into its log."""
    account, session = said["account"], said.get("session", "")
    match said["type"]:
        case "session.started":
            return SessionStarted(session_id=session, account_id=account, seen=said["seen"])
        case "session.ended":
            return SessionEnded(session_id=session)
        case "session.revoked":
            return SessionRevoked(session_id=session)
        case "subject.revoked":
            return SubjectRevoked(subject=account)
        case "credential.changed":
            return CredentialChanged(account_id=account, spared_session_id=said["spared"])
    return ABOUT_ACCOUNTS[said["type"]](account_id=account)


ABOUT_ACCOUNTS: Mapping[str, Callable[..., Event]] = {
    "account.registered": AccountRegistered,
    "account.disabled": AccountDisabled,
    "account.enabled": AccountEnabled,
    "account.signed_out": AccountSignedOut,
    "account.erased": AccountErased,
}
