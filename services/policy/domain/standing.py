"""Whether a subject may act at all: known, not disabled, in a session that lives, with a token that was not revoked."""

from collections.abc import Collection
from typing import Protocol

import msgspec

from services.policy.domain.entities import ACCOUNT, CLIENT, SERVICE, Question
from services.policy.domain.facts import GROUP

IDENTITY, TOKEN, POLICY = "identity", "token", "policy"


class Account(msgspec.Struct, frozen=True):
    """An account that identity knows. Its sessions that started below `ended_before` are over, `spared` excepted."""

    disabled: bool = False
    ended_before: int = 0
    spared: str = ""


class Session(msgspec.Struct, frozen=True):
    """A session: where it started in identity's log, the position of token's log that identity had applied then, and
    how and when (µs since 1970) the person logged in."""

    account_id: str
    position: int
    seen: int
    ended: bool = False
    acr: str = ""
    amr: tuple[str, ...] = ()
    auth_time: int = 0


class People(Protocol):
    """What is known of those who ask. Knowledge that cannot be relied on is doubted, not guessed."""

    def doubt(self, log: str, streams: Collection[str] = ()) -> str | None:
        """`stale` or `parked` where what is known of a log cannot be relied on for these streams."""
        ...

    def account(self, account_id: str) -> Account | None: ...

    def session(self, session_id: str) -> Session | None: ...

    def session_revoked(self, session_id: str) -> bool: ...

    def sessions_revoked_before(self, subject: str) -> int:
        """Sessions of the subject that had seen less of token's log than this are over."""
        ...

    def token_revoked(
        self, subject: str, client: str, session_id: str | None, position: int, session_position: int | None
    ) -> bool:
        """Whether a token that was issued at `position` of token's log has been revoked."""
        ...


class WithoutSessions:
    """The part of People about sessions, tokens and doubt, where there are none: of another time, or, but for sessions
    that it lists, of a file.
    """

    __slots__ = ()

    def doubt(self, log: str, streams: Collection[str] = ()) -> str | None:
        """See People."""
        return None

    def session(self, session_id: str) -> Session | None:
        """See People."""
        return None

    def session_revoked(self, session_id: str) -> bool:
        """See People."""
        return False

    def sessions_revoked_before(self, subject: str) -> int:
        """See People."""
        return 0

    def token_revoked(self, *token: object) -> bool:
        """See People."""
        return False


def objection(question: Question, people: People) -> str | None:
    """The code of what speaks against the subject, whatever its roles; None where nothing does."""
    return (
        _doubt(question, people) or _subject(question, people) or _session(question, people) or _token(question, people)
    )


def _doubt(question: Question, people: People) -> str | None:
    """Only the logs that the answer rests on are needed for it."""
    session = [f"session/{question.session_id}"] if question.session_id else []
    about_people = question.subject.type == ACCOUNT or session
    doubt = people.doubt(IDENTITY, [str(question.subject), *session]) if about_people else None
    if doubt is None and (session or question.token_position is not None):
        return people.doubt(TOKEN)
    return doubt


def _subject(question: Question, people: People) -> str | None:
    if question.subject.type != ACCOUNT:
        return None if question.subject.type in (CLIENT, SERVICE, GROUP) else "subject_unknown"
    account = people.account(question.subject.id)
    if account is None:
        return "subject_unknown"
    return "subject_disabled" if account.disabled else None


def _session(question: Question, people: People) -> str | None:
    """One that is not known here there is not, for all that is known; unless a token names it, and it is so new that it
    is judged by its id and that token alone.
    """
    if question.session_id is None:
        return None
    if people.session_revoked(question.session_id):
        return "session_revoked"
    session = people.session(question.session_id)
    if session is None:
        return None if question.vouched else "session_unknown"
    return "session_revoked" if _over(question, session, people) else None


def _over(question: Question, session: Session, people: People) -> bool:
    account = people.account(session.account_id)
    return (
        session.ended
        or session.account_id != question.subject.id
        or account is None
        or (session.position < account.ended_before and question.session_id != account.spared)
        or session.seen < people.sessions_revoked_before(session.account_id)
    )


def _token(question: Question, people: People) -> str | None:
    if question.token_position is None:
        return None
    session = people.session(question.session_id) if question.session_id else None
    revoked = people.token_revoked(
        question.subject.id,
        question.subject.id if question.subject.type == CLIENT else "",
        question.session_id,
        question.token_position,
        session.position if session else None,
    )
    return "session_revoked" if revoked else None
