"""Policy as the small suite serves it: its own API on facts in memory, which are folded as soon as they are written."""

from typing import Any, cast

from chassis.rpc.callers import Acting
from services.policy.api.grpc import PolicyApi
from services.policy.api.tokens import Tokens
from tests.unit.policy.world import World
from watchword.policy.v1 import policy_pb2 as pb
from watchword.verifier import Verifier


class SmallPolicy(PolicyApi):
    """`world` holds all that it knows; access tokens are none of it."""

    def __init__(self, world: World) -> None:
        super().__init__(world.decisions, world.searches, world.commands, Tokens(cast(Verifier, None)), _may_label)
        self.world = world

    async def WriteFacts(self, request: pb.WriteFactsRequest, context: Any) -> pb.WriteFactsResponse:
        answer = await super().WriteFacts(request, context)
        await self.world.settle()
        return answer


async def _may_label(acting: Acting) -> None:
    """An operator's certificate may."""
