"""The other services ask policy about their administrators, whose session may just have begun."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from chassis.administration import policy_decides
from chassis.auth import Decide
from chassis.rpc import Admission, RpcServer, connect
from eventlog.errors import Refusal
from services.policy.api.administrators import labelling
from services.policy.api.grpc import ALLOWED, PolicyApi
from services.policy.projections import SessionEnded, SessionStarted
from tests.unit.chassis.authority import Authority
from tests.unit.policy.door import opened
from tests.unit.policy.world import ALICE, World
from tests.unit.sdk.fakes import claims
from watchword.claims import Claims, read_claims
from watchword.policy.v1 import policy_pb2_grpc

AUTHORITY = Authority()


@dataclass
class Asking:
    world: World
    port: int
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
    async with opened(world) as door:
        server = RpcServer(AUTHORITY.service("policy"), Admission())
        api = PolicyApi(world.decisions, world.searches, world.commands, door.tokens, labelling(door.bearers))
        server.add(policy_pb2_grpc.add_PolicyServiceServicer_to_server, api, ALLOWED)
        port = await server.start("127.0.0.1:0")
        async with connect(f"127.0.0.1:{port}", AUTHORITY.service("identity"), "policy") as channel:
            yield Asking(world, port, policy_decides(channel, "identity"))
        await server.stop(0)


def of_alice(spos: int) -> Claims:
    return read_claims(claims(sub=ALICE.id, sid="ses_new", spos=spos, scope="watchword:admin"), "key")


async def test_an_administrator_whose_session_has_just_begun_is_decided_about_at_once(asking: Asking) -> None:
    """The service that asks has verified the token: nobody waits for identity's log, nor for a broker of it."""
    await asking.decide(of_alice(asking.world.identity.applied + 1), "identity.account.disable")


async def test_an_administrator_whose_session_is_over_is_refused(asking: Asking) -> None:
    asking.world.at_identity(SessionStarted(session_id="ses_new", account_id=ALICE.id))
    asking.world.at_identity(SessionEnded(session_id="ses_new"))
    with pytest.raises(Refusal, match="session_revoked") as refused:
        await asking.decide(of_alice(asking.world.identity.applied), "identity.account.disable")
    assert refused.value.code == "not_allowed"


@pytest.mark.parametrize("who", ["backend/shop", "service/policy", "operator/admin"])
async def test_nobody_else_is_believed_about_a_session_that_policy_does_not_know(asking: Asking, who: str) -> None:
    own = AUTHORITY.issue(f"spiffe://watchword/{who}")
    async with connect(f"127.0.0.1:{asking.port}", own, "policy") as channel:
        with pytest.raises(Refusal, match="session_unknown"):
            await policy_decides(channel, "identity")(of_alice(1), "identity.account.disable")
