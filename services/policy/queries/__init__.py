"""The answers: from this process's memory about now, from tables about what was."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

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

__all__ = ["ActiveRules", "Decisions", "Memory", "Moment"]

DECISIONS = Counter("watchword_policy_decisions", "Decisions made", ["code"])
log = structlog.get_logger()


class ActiveRules(Protocol):
    """Which rules are, and were, in force."""

    def now(self) -> Rules: ...

    async def at(self, moment: Moment) -> Rules: ...


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

    async def answers(self, questions: Sequence[Question], moment: Moment | None = None) -> Sequence[Decision]:
        """An answer each, all of them on the same facts. Raises Refusal as `Past.then`."""
        if moment is None:
            await self.learn(*questions)
            self._note(questions)
            return [self.answer(one) for one in questions]
        then = await self.past.then(moment)
        return await self._answers_then(questions, then)

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

    async def learn(self, *questions: Question) -> None:
        """Before they are answered, with nothing awaited in between."""
        asked = [one for one in questions if one.well_formed]
        sessions = [one.session_id for one in asked if one.session_id is not None]
        await self.memory.learn([one.subject for one in asked], sessions)

    def answer(self, question: Question) -> Decision:
        """Denies where it cannot decide: no exception ever allows."""
        return _guarded(lambda: self._decided(question))

    def judged(self, question: Question, rules: Rules) -> Decision:
        """What other rules would answer. Counted nowhere, noted nowhere."""
        return decide(question, self.memory, rules, self.clock.now())

    def _decided(self, question: Question) -> Decision:
        if not self.clock.known:
            return Decision(False, "stale")
        return decide(question, self.memory, self.rules.now(), self.clock.now())

    def _note(self, questions: Sequence[Question]) -> None:
        for one in questions:
            with suppress(Unlearnt):
                if one.well_formed:
                    self.asked.add(one, self.memory.session(one.session_id) if one.session_id else None)

    async def _answers_then(self, questions: Sequence[Question], then: Then) -> Sequence[Decision]:
        rules, time = await self.rules.at(then.moment), then.moment.time
        asked = [asked_then(one) for one in questions]
        await then.read(first_of([one for one in asked if one.well_formed]))
        answers = [partial(_guarded, partial(decide, one, then, rules, time)) for one in asked]
        return [await settled(then, answer) for answer in answers]


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
    DECISIONS.labels(decision.code).inc()
    return decision
