"""Policy guards its own administration, in this process, with the same decisions that it gives to others."""

from collections.abc import Awaitable, Callable

from chassis.administration import obey
from chassis.auth import Bearers, Decide
from chassis.rpc import Acting
from services.policy.domain.entities import ACCOUNT, Entity, Question
from services.policy.queries import Decisions
from watchword.claims import Claims

SUITE = Entity("suite", "policy")
SET_LABEL = "policy.label.set"
MayLabel = Callable[[Acting], Awaitable[None]]


def decided_here(decisions: Decisions) -> Decide:
    """Raises as chassis.administration.obey."""

    async def decide(claims: Claims, action: str) -> None:
        question = Question(Entity(ACCOUNT, claims.sub), action, SUITE, claims.sid, claims.pos, vouched=True)
        await decisions.learn(question)
        answer = decisions.answer(question)
        obey(action, answer.allowed, answer.code)

    return decide


def labelling(bearers: Bearers) -> MayLabel:
    """Whether an administrator over gRPC may, besides what it was let in for. Raises Refusal as `Bearers.authorize`."""

    async def may_label(acting: Acting) -> None:
        if acting.bearer:
            await bearers.authorize(acting.bearer, SET_LABEL)

    return may_label
