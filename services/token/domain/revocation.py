"""What ends what (RULES 7): sessions and subjects as token knows them, and the order that positions give."""

import msgspec

from eventlog.events import Event, Recorded
from eventlog.log import Fold
from services.token.domain.events import SessionRevoked, SubjectRevoked, TokenRevoked


class Session(msgspec.Struct, frozen=True):
    """A session, as far as token has heard: `revoked_at` is the position of its revocation, 0 where there is none."""

    revoked_at: int = 0


class Before(msgspec.Struct, frozen=True):
    """Identity ended the sessions of a subject below a position of its own log, one perhaps excepted.

    `at` is token's position.
    """

    position: int
    spared: str | None
    at: int

    def ends(self, session_id: str, session_position: int) -> bool:
        return session_position < self.position and session_id != self.spared

    def covers(self, other: "Before") -> bool:
        return self.position >= other.position and self.spared in (None, other.spared)


class Subject(msgspec.Struct, frozen=True):
    """What has ended sessions and tokens of a subject.

    `revoked_at` is the last such revocation made at token itself.
    """

    revoked_at: int = 0
    before: tuple[Before, ...] = ()

    def ended_by_identity(self, session_id: str, session_position: int) -> bool:
        """Such sessions are given nothing, ever again."""
        return any(one.ends(session_id, session_position) for one in self.before)

    def overtaken(self, seen: int) -> bool:
        """A revocation made at token that the session's start had not seen."""
        return seen < self.revoked_at

    def covering(self, asked: Before) -> Before | None:
        """An earlier revocation that already ends all that `asked` would."""
        return next((one for one in self.before if one.covers(asked)), None)


class Single(msgspec.Struct, frozen=True):
    """One access token that may have been revoked by itself."""

    revoked_at: int = 0


def hangs_from(subject: str, session_id: str | None) -> tuple[str, str]:
    """The streams of identity's log whose events end a session, or all that a subject has."""
    return f"account/{subject}", f"session/{session_id}"


def evolve_session(session: Session, event: Event, row: Recorded) -> Session:
    return Session(row.position) if isinstance(event, SessionRevoked) else session


def evolve_subject(subject: Subject, event: Event, row: Recorded) -> Subject:
    match event:
        case SubjectRevoked(before_session_position=None):
            return Subject(row.position, subject.before)
        case SubjectRevoked(before_session_position=int(position)):
            made = Before(position, event.spared_session_id, row.position)
            return Subject(subject.revoked_at, (*(one for one in subject.before if not made.covers(one)), made))
    return subject


def evolve_single(single: Single, event: Event, row: Recorded) -> Single:
    return Single(row.position) if isinstance(event, TokenRevoked) else single


SESSION = Fold("session", Session(), evolve_session)
SUBJECT = Fold("subject", Subject(), evolve_subject)
TOKEN = Fold("token", Single(), evolve_single, once=True)
