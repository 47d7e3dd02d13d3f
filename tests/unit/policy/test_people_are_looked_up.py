"""Policy holds few of the people that it knows: others it looks up, and whom it cannot look up it denies."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from eventlog.errors import LogUnavailable
from eventlog.projection import Lookup, MemoryRows
from eventlog.projection.rows import Found
from services.policy.domain.entities import Question
from services.policy.projections import AccountDisabled, AccountRegistered
from services.policy.queries import Decisions, Memory
from tests.unit.policy.world import ALICE, World


@dataclass
class Table:
    """What the table of a projection holds, unless it does not answer."""

    rows: MemoryRows = field(default_factory=MemoryRows)
    down: bool = False

    async def find(self, wanted: Sequence[tuple[str, str]]) -> Found:
        if self.down:
            raise LogUnavailable
        found = [self.rows.find(*key) for key in wanted]
        return Found([row for row in found if row is not None], 0, frozenset())


@dataclass
class Here:
    applied: int = 0

    def park(self, streams: object) -> None:
        return None


class LookedUp(World):
    """A world whose accounts lie in a table."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.table = Table(self.people)
        self.begin()

    def begin(self) -> None:
        """As a process that has just started: it has met nobody."""
        self.lookup = Lookup(self.table)
        self.lookup.follows = Here()
        known = self.memory.known
        self.memory = Memory(self.memory.facts, self.lookup, self.ended, self.memory.trust, known)
        self.decisions = Decisions(self.memory, self.clock, self.decisions.rules, self.decisions.past)

    async def answered(self) -> str:
        question = Question(ALICE, "document.read")
        await self.decisions.learn(question)
        return self.decisions.answer(question).code


async def test_whom_the_table_has_is_known() -> None:
    world = LookedUp()
    assert await world.answered() == "subject_unknown"
    world.at_identity(AccountRegistered(account_id=ALICE.id))
    world.begin()
    assert await world.answered() == "no_matching_role"
    world.at_identity(AccountDisabled(account_id=ALICE.id))
    world.begin()
    assert await world.answered() == "subject_disabled"


async def test_whom_it_cannot_look_up_it_denies() -> None:
    world = LookedUp()
    world.at_identity(AccountRegistered(account_id=ALICE.id))
    world.table.down = True
    assert await world.answered() == "stale"
    world.table.down = False
    assert await world.answered() == "no_matching_role"
    world.table.down = True
    assert await world.answered() == "no_matching_role"
