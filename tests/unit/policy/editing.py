"""Alice, who is an editor everywhere, and her sessions."""

import pytest

from services.policy.domain.entities import Entity
from services.policy.domain.facts import Assignment
from services.policy.projections import AccountRegistered, SessionStarted
from tests.unit.policy.world import ALICE, OPERATOR, World

DOCUMENT = Entity("document", "7")


@pytest.fixture
async def world() -> World:
    """Alice is an editor, everywhere."""
    world = World()
    world.at_identity(AccountRegistered(account_id=ALICE.id))
    await world.commands.define_role(OPERATOR, "editor", ["document.read", "document.write.*"], "")
    await world.commands.write(OPERATOR, [Assignment(str(ALICE), "editor")])
    await world.settle()
    return world


def start(world: World, session_id: str = "ses_1") -> int:
    return world.at_identity(SessionStarted(session_id=session_id, account_id=ALICE.id, seen=world.token.applied))
