"""Sessions and subjects that ended, and who was told."""

from eventlog.events import Event
from services.token.domain.events.registry import events


@events.event("session.revoked")
class SessionRevoked(Event):
    """All that hangs from a session is ended: its families and access tokens."""

    session_id: str
    reason: str


@events.event("subject.revoked")
class SubjectRevoked(Event):
    """All that an account (or a client by itself) has is ended, up to now or up to a position of identity's log."""

    subject: str
    reason: str
    before_session_position: int | None = None
    """Ends the sessions that started below this position of identity's log. Absent: all tokens until now."""
    spared_session_id: str | None = None
    """The one session that goes on, such as the one in which the password was changed. Absent: none does."""


@events.event("logout.begun")
class LogoutBegun(Event):
    """A session has ended, and applications that took part in it are to be told (OpenID Connect Back-Channel
    Logout).
    """

    session_id: str
    subject: str
    client_ids: list[str]
    """The applications that are to be told."""


@events.event("logout.told")
class LogoutTold(Event):
    """An application has answered that it has taken notice of a session's end."""

    session_id: str
    client_id: str


@events.event("logout.given_up")
class LogoutGivenUp(Event):
    """An application could not be told for a day that a session ended. Somebody may be signed in there still."""

    session_id: str
    client_id: str
    reason: str
