"""The longest names that policy takes: what it has accepted, its table can keep."""

from random import Random

import pytest

from eventlog.events import encode
from eventlog.projection import Rows, TableProjection
from eventlog.projection.rows import SCHEMA
from eventlog.store import MemoryStore
from services.policy.domain.entities import MAX_ID, Entity
from services.policy.domain.facts import Assignment, Fact, Label, Membership, Parent, Share
from services.policy.domain.form import check
from services.policy.domain.history import saying
from services.policy.projections import FACTS, PAST
from tests.harness.database import Database
from tests.integration.projecting import at_home, reached
from tests.unit.projection.notes import write_raw

ROLE = TYPE = "r" + "x" * 63


def longest(chance: Random) -> Entity:
    """Of characters of three bytes that no index makes shorter."""
    return Entity(TYPE, "".join(chr(chance.randrange(0x4E00, 0x9FA5)) for _ in range(MAX_ID)))


HOLDER, RESOURCE = f"account/{longest(Random(1)).id}", str(longest(Random(2)))
LONGEST: list[Fact] = [
    Assignment(HOLDER, ROLE, RESOURCE),
    Membership(HOLDER, "g" * 64),
    Label(RESOURCE, 3, ("c" * 64,)),
    Parent(RESOURCE, str(longest(Random(3)))),
    Share(RESOURCE, "s" * 64, HOLDER, HOLDER, ("a",)),
]


@pytest.mark.parametrize("fact", LONGEST, ids=lambda fact: type(fact).__name__)
async def test_a_fact_of_the_longest_names_is_kept(database: Database, fact: Fact) -> None:
    check(fact)
    store, said = MemoryStore(), saying(fact)
    await write_raw(store, "longest", said.type, encode(said)[0])
    await database.migrate([SCHEMA])
    async with database.pool() as pool:
        for projection in (FACTS, PAST):
            one = TableProjection(projection, Rows(pool, projection.name), at_home(store), "a")
            async with reached(one, 1):
                assert not await one.rows.parked()
                assert (await one.rows.load()).rows
