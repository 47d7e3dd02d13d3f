"""Answers about another time: "who could do this on the 3rd, and why"."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import msgspec

from eventlog.errors import Kind, Refusal, unavailable
from services.policy.domain.entities import ACCOUNT, Question
from services.policy.domain.facts import ACTIONS, EXCLUSIONS, GROUP, Unread
from services.policy.queries.then import Moment, PastRows, Then

T = TypeVar("T")
PATIENCE = 2.0
PAUSE = 0.01


class Kept(PastRows, Protocol):
    """Such rows, and how far they have come."""

    async def applied(self) -> int:
        """The position that the table has applied, nothing parked."""
        ...


class Logs(Protocol):
    """How far the logs have come."""

    async def heads(self) -> tuple[int, int]:
        """The position of policy's log, read now, and that of identity's, as far as is known here.

        Raises Refusal where that is not known.
        """
        ...

    async def time(self, position: int) -> int | None:
        """When an event of policy's log was written, in µs since 1970; None beyond its end."""
        ...


@dataclass(frozen=True, slots=True)
class Past:
    """Rows of both logs, and how far these have come."""

    facts: Kept
    people: Kept
    logs: Logs
    now: Callable[[], int]

    async def then(self, moment: Moment) -> Then:
        """What was known at a moment. Raises Refusal `as_of_in_the_future`, `position_unknown`, `not_yet_applied`."""
        resolved = await self._resolved(moment)
        policy, identity = await self.logs.heads()
        await _level(self.facts, resolved.position or policy)
        await _level(self.people, identity)
        return Then(resolved, self.facts, self.people)

    async def _resolved(self, moment: Moment) -> Moment:
        if moment.position is None:
            if moment.time > self.now():
                raise Refusal(Kind.INVALID, "as_of_in_the_future", "as_of lies in the future")
            return moment
        time = await self.logs.time(moment.position)
        if time is None:
            raise Refusal(Kind.INVALID, "position_unknown", f"policy's log ends before {moment.position}")
        return Moment(time, moment.position)


def asked_then(question: Question) -> Question:
    """Sessions and tokens play no part in the past."""
    return msgspec.structs.replace(question, session_id=None, token_position=None)


def first_of(questions: Sequence[Question]) -> Sequence[str]:
    """The streams that questions look at in any case: read at once rather than one after another."""
    found = [EXCLUSIONS, ACTIONS]
    for one in questions:
        subject, resource = str(one.subject), one.resource
        found += [f"{kind}/{subject}" for kind in ("assignment", "membership", "label")]
        found += [subject] if one.subject.type in (ACCOUNT, GROUP) else []
        found += [] if resource is None else [f"{kind}/{resource}" for kind in ("resource", "label")]
    return found


async def settled(then: Then, act: Callable[[], T]) -> T:
    """What `act` answers, once all that it looks at has been read."""
    while True:
        try:
            return act()
        except Unread as unread:
            await then.read([unread.stream])


async def _level(rows: Kept, position: int) -> None:
    """Raises Refusal `not_yet_applied`."""
    try:
        async with asyncio.timeout(PATIENCE):
            while await rows.applied() < position:
                await asyncio.sleep(PAUSE)
    except TimeoutError:
        raise unavailable("not_yet_applied", f"what was so is kept up to before position {position}") from None
