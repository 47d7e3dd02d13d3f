"""Who may do this, on what may somebody do it, and what may they do there: a page at a time."""

from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import msgspec

from eventlog.errors import Kind, Refusal
from services.policy.domain import search
from services.policy.domain.entities import Entity, Question
from services.policy.domain.pointers import Pointers
from services.policy.domain.reach import TooDeep
from services.policy.domain.rules.engine import Rules
from services.policy.queries import Decisions, Moment
from services.policy.queries.past import settled

MAX_PAGE, PAGE = 1000, 100
LOOKED_AT = 2000
"""Candidates for one page, which may be shorter than was asked for."""
AT_ONCE = 100


class Page(msgspec.Struct, frozen=True):
    """Some of what was searched for, in order. The next page begins after `next`; it is empty on the last one."""

    found: Sequence[str]
    next: str = ""


class Wanted(msgspec.Struct, frozen=True):
    """Which page. `after` is the `next` of the page before."""

    size: int = PAGE
    after: str = ""
    moment: Moment | None = None


@dataclass(frozen=True, slots=True)
class Searches:
    """Each candidate is decided as if it had been asked about. Raises Refusal as `Decisions.answers`."""

    decisions: Decisions

    async def subjects(self, type_: str, asked: Question, wanted: Wanted) -> Page:
        """Of a type, who may. The question's own subject is ignored."""
        resource = None if asked.resource is None else str(asked.resource)
        rules = await self._rules(wanted)
        everybody = rules.mentions(asked.action, type_, asked.resource.type if asked.resource else "")
        found = await self._found(lambda known: search.subjects(type_, resource, known, everybody), wanted)
        return await self._page(found, lambda one: _replaced(asked, subject=Entity.of(one)), wanted)

    async def resources(self, type_: str, asked: Question, wanted: Wanted) -> Page:
        """Of a type, on which resources the subject may. The question's own resource is ignored."""
        rules = await self._rules(wanted)
        everywhere = rules.mentions(asked.action, asked.subject.type, type_)
        subject = str(asked.subject)
        found = await self._found(lambda known: search.resources(type_, subject, known, everywhere), wanted)
        return await self._page(found, lambda one: _replaced(asked, resource=Entity.of(one)), wanted)

    async def actions(self, asked: Question, wanted: Wanted) -> Page:
        """What the subject may do there, of the actions that facts name. The question's own action is ignored."""
        subject, resource = str(asked.subject), None if asked.resource is None else str(asked.resource)
        found = await self._found(lambda known: search.actions(subject, resource, known), wanted)
        return await self._page(found, lambda one: _replaced(asked, action=one), wanted)

    async def _rules(self, wanted: Wanted) -> Rules:
        """Those that decide what is found."""
        if wanted.moment is None:
            return self.decisions.rules.now()
        return await self.decisions.rules.at((await self.decisions.past.then(wanted.moment)).moment)

    async def _found(self, find: Callable[[Pointers], Collection[str]], wanted: Wanted) -> Sequence[str]:
        """The candidates after those of the pages before, in order; none where a decision could not see to the end."""
        try:
            found = sorted(await self._candidates(find, wanted.moment))
        except TooDeep:
            return ()
        return found[bisect_right(found, wanted.after) :] if wanted.after else found

    async def _candidates(self, find: Callable[[Pointers], Collection[str]], moment: Moment | None) -> Collection[str]:
        if moment is None:
            return find(self.decisions.memory)
        then = await self.decisions.past.then(moment)
        return await settled(then, lambda: find(then))

    async def _page(self, found: Sequence[str], question: Callable[[str], Question], wanted: Wanted) -> Page:
        _check(wanted)
        allowed: list[str] = []
        for first in range(0, min(len(found), LOOKED_AT), AT_ONCE):
            some = found[first : first + AT_ONCE]
            answers = await self.decisions.answers([question(one) for one in some], wanted.moment)
            for number, (one, answer) in enumerate(zip(some, answers, strict=True), first + 1):
                if answer.allowed:
                    allowed.append(one)
                if len(allowed) == wanted.size:
                    return Page(allowed, one if number < len(found) else "")
        return Page(allowed, found[LOOKED_AT - 1] if len(found) > LOOKED_AT else "")


def _check(wanted: Wanted) -> None:
    if not 0 < wanted.size <= MAX_PAGE:
        raise Refusal(Kind.INVALID, "page_size_invalid", f"1 to {MAX_PAGE}")


def _replaced(asked: Question, **what: object) -> Question:
    return msgspec.structs.replace(asked, **what)
