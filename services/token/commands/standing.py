"""Whether a session still stands, as far as token knows of it (RULES 7)."""

from typing import Protocol

import msgspec

from eventlog.log import Attempt
from services.token.domain.authorization import Login
from services.token.domain.revocation import SESSION, SUBJECT, hangs_from
from services.token.ports import Token


class InSession(Protocol):
    """What identity said of the session that something hangs from: see NewFamily."""

    @property
    def subject(self) -> str: ...

    @property
    def session_id(self) -> str: ...

    @property
    def session_position(self) -> int: ...

    @property
    def seen(self) -> int: ...


class Overtaken(msgspec.Struct, frozen=True):
    """A revocation made at token, at this position, lies between: the session must start anew."""

    by: int


async def session_over(token: Token, attempt: Attempt, of: InSession) -> Login | Overtaken | None:
    """What ended the session, each guarded; None where it stands. Raises Refusal `parked` where identity may have."""
    session = await attempt.read(SESSION, of.session_id)
    subject = await attempt.read(SUBJECT, of.subject)
    if session.revoked_at or subject.ended_by_identity(of.session_id, of.session_position):
        return Login()
    if subject.overtaken(of.seen):
        return Overtaken(subject.revoked_at)
    token.parked.refuse(*hangs_from(of.subject, of.session_id))
    return None
