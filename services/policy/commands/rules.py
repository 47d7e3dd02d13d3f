"""What an administrator does to an organization's rules. Each answers the position from which it is so."""

import asyncio
from dataclasses import dataclass

from eventlog.log import Attempt, By, Log
from services.policy.domain.rules.check import RulesInvalid, problems
from services.policy.domain.rules.versions import ORGANIZATION, RULES, Draft, Versions, activate, roll_back, write
from services.policy.queries.rules import Activated


@dataclass(frozen=True, slots=True)
class RuleCommands:
    """Texts are judged in a thread: a large one takes a second."""

    log: Log
    rules: Activated

    async def write(self, by: By, policies: str, schema: str = "", note: str = "") -> tuple[int, int]:
        """The version and its position; of the same texts, those that they have already.

        Raises Refusal `policy_invalid`, `schema_invalid`, `note_invalid`.
        """
        draft = await asyncio.to_thread(Draft.of, policies, schema, note)

        async def decision(attempt: Attempt) -> tuple[int, int]:
            before = await attempt.read(RULES, ORGANIZATION)
            number, events = write(before, draft)
            await attempt.write(RULES, ORGANIZATION, *events)
            return number, 0 if events else before.written[number - 1].position

        outcome = await self.log.decide(by, decision)
        return outcome.value[0], outcome.position or outcome.value[1]

    async def activate(self, by: By, version: int) -> int:
        """Raises Refusal `version_unknown`; `policy_invalid` or `schema_invalid` where this release refuses it."""
        activate(before := await self.log.fresh(RULES, ORGANIZATION), version)
        await self._still_valid(before, version)

        async def decision(attempt: Attempt) -> int:
            before = await attempt.read(RULES, ORGANIZATION)
            await attempt.write(RULES, ORGANIZATION, *activate(before, version))
            return before.changed

        outcome = await self.log.decide(by, decision)
        return outcome.position or outcome.value

    async def roll_back(self, by: By) -> tuple[int, int]:
        """The version that decides now, and from where on. Raises Refusal `nothing_to_roll_back`, and as `activate`."""
        version, _ = roll_back(before := await self.log.fresh(RULES, ORGANIZATION))
        await self._still_valid(before, version)

        async def decision(attempt: Attempt) -> int:
            version, events = roll_back(await attempt.read(RULES, ORGANIZATION))
            await attempt.write(RULES, ORGANIZATION, *events)
            return version

        outcome = await self.log.decide(by, decision)
        return outcome.value, outcome.position

    async def _still_valid(self, before: Versions, version: int) -> None:
        """A version was judged when it was written; the shipped schema may have changed since."""
        if not version:
            return
        found = await self.rules.known(version, before.written[version - 1].position)
        wrong = await asyncio.to_thread(problems, *found.texts)
        if wrong:
            raise RulesInvalid(wrong)
