"""Policy guards its own administration, in this process, with the same decisions that it gives to others."""

from chassis.administration import obey
from chassis.auth import Decide
from services.policy.domain.entities import ACCOUNT, Entity, Question
from services.policy.queries import Decisions
from watchword.claims import Claims

SUITE = Entity("suite", "policy")


def decided_here(decisions: Decisions) -> Decide:
    """Raises as chassis.administration.obey."""

    async def decide(claims: Claims, action: str) -> None:
        question = Question(Entity(ACCOUNT, claims.sub), action, SUITE, claims.sid, claims.pos)
        await decisions.learn(question)
        answer = decisions.answer(question)
        obey(action, answer.allowed, answer.code)

    return decide
