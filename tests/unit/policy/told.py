"""A world that was told facts as they come, whatever the commands would have said to them."""

from collections.abc import Iterable, Sequence

import msgspec

from eventlog.log import Attempt
from eventlog.projection import Drop, Put
from services.policy.commands.desk import Desk
from services.policy.domain.entities import Entity, Question
from services.policy.domain.spelled import read
from services.policy.model import row_key
from services.policy.projections import AccountDisabled, AccountRegistered
from tests.harness.policy_models import NOW_US, PEOPLE
from tests.harness.policy_reference import Asked, Fact
from tests.unit.policy.world import OPERATOR, World


class Told(World):
    """Knows the people of the models. Facts are in the JSON form."""

    @classmethod
    def of(cls, facts: Iterable[Fact]) -> "Told":
        """Knows these facts at once; its log says nothing of them."""
        found = cls()
        found.clock.time = NOW_US
        for account_id, disabled in PEOPLE.items():
            found.at_identity(AccountRegistered(account_id=account_id))
            if disabled:
                found.at_identity(AccountDisabled(account_id=account_id))
        found.tell(facts)
        return found

    def tell(self, write: Iterable[Fact], remove: Iterable[Fact] = ()) -> None:
        """It knows these facts from now on, and those no more; its log says nothing of them."""
        for fact in map(read, remove):
            self.memory.facts.apply(Drop("fact", row_key(fact)))
        for fact in map(read, write):
            self.memory.facts.apply(Put("fact", row_key(fact), msgspec.to_builtins(fact)))

    @staticmethod
    def question(asked: Asked) -> Question:
        resource = None if asked.resource is None else Entity.of(asked.resource)
        return Question(Entity.of(asked.subject), asked.action, resource)


async def told(world: World, write: Sequence[Fact], remove: Sequence[Fact] = ()) -> None:
    """Its log says these facts, in one command, and says no longer those."""

    async def decision(attempt: Attempt) -> None:
        desk = Desk(attempt)
        for fact in remove:
            await desk.remove(read(fact))
        for fact in write:
            await desk.put(read(fact))

    await world.commands.log.decide(OPERATOR, decision)


async def replayed(world: Told) -> Told:
    """Another process that reads the same log from its beginning."""
    found = Told.of([])
    found.store = world.store
    await found.settle()
    return found


def answers(world: Told, questions: Iterable[Asked]) -> list[tuple[bool, str]]:
    """Allowed or not, and the code."""
    found = [world.decisions.answer(world.question(one)) for one in questions]
    return [(one.allowed, one.code) for one in found]
