"""The answers: from this process's memory about now, from tables about what was."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial
from typing import Protocol

import msgspec
import structlog
from prometheus_client import Counter

from eventlog.projection import Unlearnt
from services.policy.domain.decision import Decision, decide
from services.policy.domain.entities import Question
from services.policy.domain.facts import Unread
from services.policy.domain.missing import missing
from services.policy.domain.rules.engine import Rules
from services.policy.domain.standing import POLICY, Session
from services.policy.ports import Clock
from services.policy.queries.memory import Memory
from services.policy.queries.past import Past, asked_then, first_of, settled
from services.policy.queries.then import Moment, Then

__all__ = ["ActiveRules", "Answers", "Decisions", "Memory", "Moment"]

AT_ONCE = 25
"""Decisions between which others go on."""
DECISIONS = Counter("watchword_policy_decisions", "Decisions made", ["code"])
# Finding a series by its labels costs more than adding to it.
_decided = lru_cache(maxsize=64)(DECISIONS.labels)
log = structlog.get_logger()


class ActiveRules(Protocol):
    """Which rules are, and were, in force."""

    def now(self) -> Rules: ...

    async def at(self, moment: Moment) -> Rules: ...


class Answers(msgspec.Struct, frozen=True):
    """An answer each, and the position of policy's log that they are true for."""

    decisions: Sequence[Decision]
    position: int


class Asked(Protocol):
    """Where questions are noted; `services.policy.questions.Questions` is one."""

    def add(self, question: Question, session: Session | None) -> None: ...


class Unasked:
    """Notes nothing."""

    def add(self, question: Question, session: Session | None) -> None:
        """See Asked."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """Decides from this process's memory: it asks no other service, and the database only for whom it has not met."""

    memory: Memory
    clock: Clock
    rules: ActiveRules
    past: Past
    asked: Asked = field(default_factory=Unasked)

    @property
    def position(self) -> int:
        """The position of policy's log that an answer given now is true for."""
        return min((one.applied for one in self.memory.known[POLICY]), default=0)

    def true_at(self, moment: Moment | None) -> int:
        """The position that an answer given now about a moment is true for: its own, where it names one."""
        return self.position if moment is None or moment.position is None else moment.position

    async def answers(self, questions: Sequence[Question], moment: Moment | None = None) -> Sequence[Decision]:
        """As `answered`, without the position."""
        return (await self.answered(questions, moment)).decisions

    async def answered(self, questions: Sequence[Question], moment: Moment | None = None) -> Answers:
        """All of them on the same facts, by the same rules, for one time. Raises Refusal as `Past.then`."""
        if moment is None:
            return await self._answered_now(questions)
        then = await self.past.then(moment)
        return Answers(await self._answers_then(questions, then), self.true_at(moment))

    async def explained(
        self, question: Question, moment: Moment | None = None
    ) -> tuple[Decision, Sequence[str], Rules]:
        """An answer, what is missing where it denies, and the rules by which it was decided. Raises as `answers`."""
        if moment is None:
            await self.learn(question)
            decision = self.answer(question)
            return decision, missing(decision, self.memory, self.clock.now()), self.rules.now()
        then = await self.past.then(moment)
        (decision,) = await self._answers_then([question], then)
        lacking = await settled(then, lambda: missing(decision, then, then.moment.time))
        return decision, lacking, await self.rules.at(then.moment)

    async def learn(self, *questions: Question) -> Sequence[Question]:
        """Before they are answered, with nothing awaited in between. Those of them that are well-formed."""
        asked = [one for one in questions if one.well_formed]
        sessions = [one.session_id for one in asked if one.session_id is not None]
        await self.memory.learn([one.subject for one in asked], sessions)
        return asked

    def answer(self, question: Question) -> Decision:
        """Denies where it cannot decide: no exception ever allows."""
        return _guarded(partial(self._decided, question, self.memory, self.rules.now, self.clock.now))

    def judged(self, question: Question, rules: Rules) -> Decision:
        """What other rules would answer. Counted nowhere, noted nowhere."""
        return decide(question, self.memory, rules, self.clock.now())

    def _decided(
        self, question: Question, memory: Memory, rules: Callable[[], Rules], now: Callable[[], int]
    ) -> Decision:
        if not self.clock.known:
            return Decision(False, "stale")
        return decide(question, memory, rules(), now())

    async def _answered_now(self, questions: Sequence[Question]) -> Answers:
        """What others change in between is not seen; who was disabled, or a session that ended, is denied at once."""
        asked = await self.learn(*questions[:AT_ONCE])
        position, rules, now = self.position, self.rules.now, self.clock.now
        if len(questions) > 1:
            rules, now = cache(rules), cache(now)
        found: list[Decision] = []
        many = len(questions) > AT_ONCE
        with self.memory.unmoved() if many else nullcontext(self.memory) as memory:
            for first in range(0, len(questions), AT_ONCE):
                some = questions[first : first + AT_ONCE]
                if first:
                    await asyncio.sleep(0)
                    asked = await self.learn(*some)
                self._note(asked)
                found += [_guarded(partial(self._decided, one, memory, rules, now)) for one in some]
        return Answers(found, position)

    def _note(self, questions: Sequence[Question]) -> None:
        """Of well-formed ones."""
        for one in questions:
            with suppress(Unlearnt):
                self.asked.add(one, self.memory.session(one.session_id) if one.session_id else None)

    async def _answers_then(self, questions: Sequence[Question], then: Then) -> Sequence[Decision]:
        rules, time = await self.rules.at(then.moment), then.moment.time
        asked = [asked_then(one) for one in questions]
        await then.read(first_of([one for one in asked if one.well_formed]))
        found: list[Decision] = []
        for number, one in enumerate(asked, 1):
            found.append(await settled(then, partial(_guarded, partial(decide, one, then, rules, time))))
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        return found


def _guarded(act: Callable[[], Decision]) -> Decision:
    """Raises Unread, after which it is asked again."""
    try:
        decision = act()
    except Unread:
        raise
    except Unlearnt:
        decision = Decision(False, "stale")
    except Exception:
        log.exception("decision_failed")
        decision = Decision(False, "failed")
    _decided(decision.code).inc()
    return decision
