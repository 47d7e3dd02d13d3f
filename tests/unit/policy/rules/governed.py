"""Policy with nothing outside, whose organization has rules of its own."""

from services.policy.commands.rules import RuleCommands
from services.policy.domain.events import policy_events
from services.policy.inforce import InForce
from services.policy.projections import fold_facts
from services.policy.queries import Decisions
from services.policy.queries.dryrun import DryRuns
from services.policy.queries.rules import Activated
from services.policy.questions import Questions, QuestionsInMemory
from tests.unit.policy.rules.asking import DOCUMENTS
from tests.unit.policy.world import OPERATOR, World

READERS = '@id("readers") permit (principal, action == Action::"document.read", resource is document);'
WRITERS = READERS + '@id("writers") permit (principal, action == Action::"document.write", resource is document);'


class Governed(World):
    """A second process of the service is a second `InForce` that is brought up to the log."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.in_force = InForce()
        self.rules = Activated(self.in_force, self, self.policy)
        self.rule_commands = RuleCommands(self.commands.log, self.rules)
        self.questions = Questions(QuestionsInMemory())
        self.decisions = Decisions(self.memory, self.clock, self.rules, self.decisions.past, self.questions)
        self.dry_runs = DryRuns(self.decisions, self.questions, self.clock.now)

    async def write(self, policies: str, schema: str = DOCUMENTS) -> int:
        version, _ = await self.rule_commands.write(OPERATOR, policies, schema)
        await self.settle()
        return version

    async def activate(self, version: int) -> int:
        """The position from which it decides."""
        position = await self.rule_commands.activate(OPERATOR, version)
        await self.settle()
        return position

    async def settle(self) -> None:
        """See World."""
        for row in await self.store.read(self.policy.applied, 1000):
            event = policy_events.decode(row.type, row.body)
            assert event is not None
            for change in fold_facts(event, row):
                self.in_force.apply(change)
        await super().settle()
