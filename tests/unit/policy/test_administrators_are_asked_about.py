"""The other services ask policy about their administrators, whose session may just have begun."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from chassis.administration import policy_decides
from chassis.auth import Decide
from chassis.positions import Waiting
from chassis.rpc import Admission, RpcServer, connect
from eventlog.errors import Refusal
from services.policy.api.administrators import labelling
from services.policy.api.grpc import ALLOWED, PolicyApi
from services.policy.projections import SessionStarted
from tests.unit.chassis.authority import Authority
from tests.unit.policy.door import opened
from tests.unit.policy.world import ALICE, World
from tests.unit.sdk.fakes import claims
from watchword.claims import Claims, read_claims
from watchword.policy.v1 import policy_pb2_grpc

AUTHORITY = Authority()


@dataclass
class Applied:
    """How far the world is; `waits` once somebody waits for more."""

    world: World
    waits: asyncio.Event = field(default_factory=asyncio.Event)

    def applied(self, name: str) -> int:
        return self.world.identity.applied

    async def wait(self, name: str, position: int, timeout: float) -> bool:
        self.waits.set()
        return await self.world.identity.wait(position, timeout)


@dataclass
class Asking:
    world: World
    applied: Applied
    decide: Decide


@pytest_asyncio.fixture
async def asking() -> AsyncIterator[Asking]:
    """Identity asks a policy in which Alice administers everything."""
    world = World()
    world.meet(ALICE.id)
    await world.say(
        {"kind": "role", "name": "administrator", "actions": ["*"]},
        {"kind": "assignment", "holder": str(ALICE), "role": "administrator"},
    )
    applied = Applied(world)
    async with opened(world) as door:
        server = RpcServer(AUTHORITY.service("policy"), Admission(), Waiting(applied))
        api = PolicyApi(world.decisions, world.searches, world.commands, door.tokens, labelling(door.bearers))
        server.add(policy_pb2_grpc.add_PolicyServiceServicer_to_server, api, ALLOWED)
        port = await server.start("127.0.0.1:0")
        async with connect(f"127.0.0.1:{port}", AUTHORITY.service("identity"), "policy") as channel:
            yield Asking(world, applied, policy_decides(channel, "identity"))
        await server.stop(0)


def of_alice(spos: int) -> Claims:
    return read_claims(claims(sub=ALICE.id, sid="ses_new", spos=spos, scope="watchword:admin"), "key")


async def test_an_administrator_whose_session_has_just_begun_is_waited_for(asking: Asking) -> None:
    signed = of_alice(asking.world.identity.applied + 1)
    decided = asyncio.ensure_future(asking.decide(signed, "identity.account.disable"))
    waits = asyncio.create_task(asking.applied.waits.wait())
    await asyncio.wait({decided, waits}, timeout=10, return_when=asyncio.FIRST_COMPLETED)
    assert not decided.done()
    asking.world.at_identity(SessionStarted(session_id="ses_new", account_id=ALICE.id))
    await decided
    await waits


async def test_an_administrator_of_a_session_that_there_is_not_is_refused(asking: Asking) -> None:
    with pytest.raises(Refusal, match="session_unknown") as refused:
        await asking.decide(of_alice(asking.world.identity.applied), "identity.account.disable")
    assert refused.value.code == "not_allowed"
