"""What would be decided otherwise by other rules, of all that was asked lately."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import msgspec

from services.policy.domain.decision import Decision
from services.policy.domain.entities import Question
from services.policy.domain.rules.dryrun import Change, differences
from services.policy.domain.rules.engine import Rules
from services.policy.queries import Decisions
from services.policy.questions import Questions

AT_ONCE = 50
"""Questions between which others are answered."""


class Differences(msgspec.Struct, frozen=True):
    """How many questions were asked of both, and those that are answered otherwise."""

    asked: int
    changes: list[Change[Question, Decision]]


@dataclass(frozen=True, slots=True)
class DryRuns:
    """Both are asked about the facts that are here now."""

    decisions: Decisions
    questions: Questions
    now: Callable[[], int]

    async def differences(self, after: Rules) -> Differences:
        """Between the rules that decide and these. Raises Refusal where the log's time or the table does not answer."""
        questions = await self.questions.all(self.now())
        changes: list[Change[Question, Decision]] = []
        for first in range(0, len(questions), AT_ONCE):
            some = questions[first : first + AT_ONCE]
            await self.decisions.learn(*some)
            before = self.decisions.rules.now()
            changes += differences(
                partial(self.decisions.judged, rules=before),
                partial(self.decisions.judged, rules=after),
                some,
            )
            await asyncio.sleep(0)
        return Differences(len(questions), changes)
