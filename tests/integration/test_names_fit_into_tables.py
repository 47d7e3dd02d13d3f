"""The longest names that policy takes: what it has accepted, its table can keep."""

from random import Random

from eventlog.events import encode
from eventlog.projection import Rows, TableProjection
from eventlog.projection.rows import SCHEMA
from eventlog.store import MemoryStore
from services.policy.domain.entities import MAX_ID, Entity
from services.policy.domain.roles import RoleAssigned, check_names
from services.policy.projections import ROLES
from tests.harness.database import Database
from tests.integration.test_projections import at_home, reached
from tests.unit.projection.notes import write_raw

ROLE = TYPE = "r" + "x" * 63


def longest(chance: Random) -> Entity:
    """Of characters of three bytes that no index makes shorter."""
    return Entity(TYPE, "".join(chr(chance.randrange(0x4E00, 0x9FA5)) for _ in range(MAX_ID)))


async def test_an_assignment_of_the_longest_names_is_kept(database: Database) -> None:
    chance = Random(1)
    subject, resource = longest(chance), longest(chance)
    check_names(ROLE, subject, resource)
    assigned = RoleAssigned(
        role=ROLE,
        subject_type=subject.type,
        subject_id=subject.id,
        resource_type=resource.type,
        resource_id=resource.id,
    )
    store = MemoryStore()
    await write_raw(store, "longest", RoleAssigned.type, encode(assigned)[0])
    await database.migrate([SCHEMA])
    async with database.pool() as pool:
        one = TableProjection(ROLES, Rows(pool, ROLES.name), at_home(store), "a")
        async with reached(one, 1):
            assert not await one.rows.parked()
            assert len((await one.rows.load()).rows) == 1
