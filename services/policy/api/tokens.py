"""A subject by its access token: what that says of subject, session and login counts, whatever a request says."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from services.policy.domain.decision import Decision
from services.policy.domain.entities import ACCOUNT, CLIENT, Entity, Question
from services.policy.queries import Answers, Decisions, Moment
from watchword.claims import Claims
from watchword.errors import TokenRefused
from watchword.verifier import Verifier

SECOND = 1_000_000
PAIRWISE = "pairwise"


@dataclass(frozen=True, slots=True)
class Tokens:
    """`verifier` asks for no audience: a token is shown by whom it was meant for, or by whoever it was given to."""

    verifier: Verifier

    async def subject(self, question: Question, token: str) -> Question | Decision:
        """The question with the token's subject; a denial where the token is none that holds, or cannot be judged."""
        if not token:
            return question
        try:
            claims = await self.verifier.verify(token)
        except TokenRefused as refused:
            return Decision(False, _code(refused))
        return of_claims(question, claims)

    async def answers(
        self, decisions: Decisions, asked: Sequence[tuple[Question, str]], moment: Moment | None
    ) -> Answers:
        """Questions, each with its token, are answered for one moment, on the same facts.

        Those whose token does not hold are denied for that. Raises Refusal as Decisions.answered.
        """
        if not any(token for _, token in asked):
            return await decisions.answered([question for question, _ in asked], moment)
        known = [await self.subject(question, token) for question, token in asked]
        answered = await decisions.answered([one for one in known if isinstance(one, Question)], moment)
        answers = iter(answered.decisions)
        return Answers([one if isinstance(one, Decision) else next(answers) for one in known], answered.position)


def _code(refused: TokenRefused) -> str:
    if refused.temporary:
        return "stale"
    return "session_revoked" if refused.code == "revoked" else "token_refused"


def of_claims(question: Question, claims: Claims) -> Question:
    return msgspec.structs.replace(
        question,
        subject=Entity(_kind(claims), claims.sub),
        session_id=claims.sid,
        token_position=claims.pos,
        acr=claims.acr or "",
        amr=claims.amr,
        auth_time=(claims.auth_time or 0) * SECOND,
        vouched=True,
    )


def _kind(claims: Claims) -> str:
    """Account ids begin with acc_, and no client's does (RULES 9). A pairwise name is nobody's whom policy knows."""
    if claims.pairwise:
        return PAIRWISE
    return ACCOUNT if claims.sub.startswith("acc_") else CLIENT
