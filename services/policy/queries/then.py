"""What was known at another time: facts and accounts as they stood, from tables that keep each time they changed.

A row says what was so from its position and time on, until those of the next row of the same name (docs/policy.md).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from eventlog.projection import Put
from services.policy.domain.facts import Fact, Holding, Unread
from services.policy.domain.reach import leads_to
from services.policy.domain.standing import Account, WithoutSessions
from services.policy.model import parts


class Moment(msgspec.Struct, frozen=True):
    """`time` in µs since 1970; `position` of policy's log, where the question named one."""

    time: int
    position: int | None = None

    def past(self, value: Mapping[str, Any]) -> bool:
        """Whether what a row of policy's facts says was so by then."""
        if self.position is not None:
            return bool(value["position"] <= self.position)
        return bool(value["time"] <= self.time)


class PastRows(Protocol):
    """Rows `was` and `pointing`; `eventlog.projection.Rows` is one."""

    async def groups(self, kind: str, belong: Sequence[str]) -> list[Put]:
        """The rows of a kind that belong to any of these, by key."""
        ...


@dataclass(frozen=True, slots=True)
class Then(WithoutSessions):
    """All that decisions look at, as of a moment; `domain.decision.World` and `domain.pointers.Pointers`.

    What has not been read raises Unread; sessions and tokens play no part.
    """

    moment: Moment
    facts: PastRows
    people: PastRows
    _facts: dict[str, Sequence[Fact]] = field(default_factory=dict)
    _pointing: dict[str, Collection[str]] = field(default_factory=dict)
    _accounts: dict[str, Account | None] = field(default_factory=dict)
    _closures: dict[str, Mapping[str, str]] = field(default_factory=dict)
    _holdings: dict[str, Holding] = field(default_factory=dict)

    async def read(self, streams: Iterable[str]) -> None:
        """Makes these known: streams of facts and those to which they lead, `account/…`, targets with a space (see
        Pointers).
        """
        asked = list(streams)
        while asked:
            await self._read(asked)
            facts = (fact for stream in asked for fact in self._facts.get(stream, ()))
            asked = [lead for fact in facts for lead in leads_to(fact) if lead not in self._facts]

    async def _read(self, streams: Iterable[str]) -> None:
        wanted = dict.fromkeys(one for one in streams if not self._knows(one))
        targets = [one for one in wanted if " " in one.partition("/")[0]]
        accounts = [one for one in wanted if one.startswith("account/")]
        streams = [one for one in wanted if one not in {*targets, *accounts}]
        if targets:
            found = await self.facts.groups("pointing", targets)
            self._pointing.update({one: {put.value["what"] for put in found if put.belongs == one} for one in targets})
        if accounts:
            self._meet(accounts, await self.people.groups("was", accounts))
        if streams:
            self._learn(streams, await self.facts.groups("was", streams))

    def _knows(self, one: str) -> bool:
        return one in self._facts or one in self._pointing or one.removeprefix("account/") in self._accounts

    def _learn(self, streams: Sequence[str], rows: Sequence[Put]) -> None:
        """Of each name the last row by then; rows come in the order of names and positions."""
        last: dict[str, dict[str, Any]] = {stream: {} for stream in streams}
        for put in rows:
            if self.moment.past(put.value):
                stream, name = parts(put.key.rpartition("\n")[0])
                last[stream][name] = put.value["fact"]
        for stream, facts in last.items():
            said = (msgspec.convert(one, Fact) for one in facts.values() if one is not None)
            self._facts[stream] = tuple(said)

    def _meet(self, accounts: Sequence[str], rows: Sequence[Put]) -> None:
        self._accounts.update(dict.fromkeys((one.removeprefix("account/") for one in accounts), None))
        for put in rows:
            if put.value["time"] <= self.moment.time:
                known = Account(put.value["disabled"]) if put.value["known"] else None
                self._accounts[put.belongs.removeprefix("account/")] = known

    def of(self, stream: str) -> Sequence[Fact]:
        """See domain.facts.Facts. Raises Unread."""
        if stream not in self._facts:
            raise Unread(stream)
        return self._facts[stream]

    def closures(self) -> dict[str, Mapping[str, str]]:
        """See domain.facts.Facts. What was so then does not change."""
        return self._closures

    def holdings(self) -> dict[str, Holding]:
        """See closures."""
        return self._holdings

    def pointing(self, target: str) -> Collection[str]:
        """See domain.pointers.Pointers. Raises Unread."""
        if target not in self._pointing:
            raise Unread(target)
        return self._pointing[target]

    def account(self, account_id: str) -> Account | None:
        """See People. Raises Unread."""
        if account_id not in self._accounts:
            raise Unread(f"account/{account_id}")
        return self._accounts[account_id]
