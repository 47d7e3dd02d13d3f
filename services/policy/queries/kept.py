"""A table's rows, and how far they can be relied on."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from eventlog.errors import unavailable
from eventlog.projection import Put, Rows
from eventlog.store import Store
from services.policy.domain.rules.engine import Rules
from services.policy.domain.standing import IDENTITY
from services.policy.queries.memory import Memory
from services.policy.queries.then import Moment


@dataclass(frozen=True, slots=True)
class KeptRows:
    """See queries.past.Kept."""

    rows: Rows

    async def groups(self, kind: str, belong: Sequence[str]) -> list[Put]:
        """See queries.then.PastRows."""
        return await self.rows.groups(kind, belong)

    async def applied(self) -> int:
        """Nothing, where an event is parked: what it would have said is missing from then on."""
        return 0 if await self.rows.parked() else (await self.rows.checkpoint()).position


@dataclass(frozen=True, slots=True)
class Heads:
    """See queries.past.Logs."""

    store: Store
    memory: Memory

    async def heads(self) -> tuple[int, int]:
        """Raises Refusal `stale` where identity's log cannot be followed now, `parked` where it was not understood."""
        following = self.memory.known[IDENTITY][0]
        if (doubt := self.memory.doubt(IDENTITY, following.parked)) is not None:
            raise unavailable(doubt, "what is known of identity's log cannot be relied on now")
        return (await self.store.head()).position, following.applied

    async def time(self, position: int) -> int | None:
        """Before the first event, no time has passed."""
        if position == 0:
            return 0
        rows = await self.store.read(position - 1, 1)
        return rows[0].time if rows else None


@dataclass(frozen=True, slots=True)
class Shipped:
    """See queries.ActiveRules: the shipped rules alone."""

    rules: Rules = field(default_factory=Rules.of)

    def now(self) -> Rules:
        return self.rules

    async def at(self, moment: Moment) -> Rules:
        return self.rules
