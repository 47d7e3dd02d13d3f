"""AuthZEN's questions, and a door at which Alice may read document 7."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.unit.policy.door import Door, opened
from tests.unit.policy.world import World

ALICE, BOB = {"type": "account", "id": "acc_alice"}, {"type": "account", "id": "acc_bob"}
READ, WRITE = {"name": "document.read"}, {"name": "document.write"}
SEVEN, EIGHT = {"type": "document", "id": "7"}, {"type": "document", "id": "8"}
MAY = {"subject": ALICE, "action": READ, "resource": SEVEN}
MAY_NOT = MAY | {"action": WRITE}
ONE, MANY = "/access/v1/evaluation", "/access/v1/evaluations"
ASKING = [ONE, MANY]
LOOKING = [f"/access/v1/search/{what}" for what in ("subject", "resource", "action")] + ["/v1/explain"]


@pytest_asyncio.fixture
async def door() -> AsyncIterator[Door]:
    world = World()
    world.meet("acc_alice", "acc_bob")
    await world.say(
        {"kind": "role", "name": "viewer", "actions": ["document.read"]},
        {"kind": "assignment", "holder": "account/acc_alice", "role": "viewer", "resource": "document/7"},
    )
    async with opened(world) as door:
        yield door
