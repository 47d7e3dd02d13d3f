"""Browser sessions: when they are alive, and how they end."""

import hashlib
import hmac
import re

import msgspec

from eventlog.errors import Kind, Refusal
from eventlog.events import Event, Recorded
from eventlog.log import Fold
from services.identity.domain.account import Account
from services.identity.domain.events import SessionEnded, SessionSecretChanged, SessionStarted

SECOND = 1_000_000
LIFE = 30 * 24 * 3600 * SECOND
ID = re.compile(r"ses_[A-Za-z0-9_-]{22}")
SECRET = re.compile(r"[A-Za-z0-9_-]{43}")


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A session. `position` is where it started in identity's log (`spos`), `seen` what identity knew of token's then.

    `started`, and `auth_time` at which the person logged in, by the log's time in microseconds since 1970; `ended` is a
    position, 0 while it goes on.
    """

    id: str = ""
    account_id: str = ""
    position: int = 0
    seen: int = 0
    started: int = 0
    secret_hash: str = ""
    auth_time: int = 0
    acr: str = ""
    amr: tuple[str, ...] = ()
    ended: int = 0


def evolve_session(state: Session, event: Event, row: Recorded) -> Session:
    """What an event makes of a session."""
    match event:
        case SessionStarted():
            return Session(
                id=event.session_id,
                account_id=event.account_id,
                position=row.position,
                seen=event.seen,
                started=row.time,
                secret_hash=event.secret_hash or "",
                auth_time=event.auth_time,
                acr=event.acr,
                amr=tuple(event.amr),
            )
        case SessionSecretChanged():
            return msgspec.structs.replace(state, secret_hash=event.secret_hash or "")
        case SessionEnded():
            return msgspec.structs.replace(state, ended=row.position)
        case _:
            return state


SESSION = Fold("session", Session(), evolve_session)


def alive(session: Session, account: Account, now: int) -> bool:
    """Whether a session goes on (RULES 7): positions of one log are compared with that log's alone."""
    if not session.id or session.ended or session.account_id != account.id or account.disabled:
        return False
    after_cutoff = session.position > account.cutoff or session.id == account.spared
    return after_cutoff and session.seen >= account.revoked and now < session.started + LIFE


def until_told_apart(session: Session, account_id: str, now: int) -> int:
    """How long the account's next login waits, so that an application can tell it from that of `session`: `auth_time`
    counts seconds (OpenID Connect Core 2). In microseconds, a second at most.
    """
    left = (session.auth_time // SECOND + 1) * SECOND - now
    return left if session.account_id == account_id and 0 < left <= SECOND else 0


def ends_at_token(account_id: str, session_id: str) -> tuple[str, str]:
    """The streams of token's log whose events end a session, or all that an account has."""
    return f"subject/{account_id}", f"session/{session_id}"


def end(session: Session, reason: str) -> list[Event]:
    """Nothing where there is none, or it has ended already."""
    if not session.id or session.ended:
        return []
    return [SessionEnded(session_id=session.id, account_id=session.account_id, reason=reason)]


def read_cookie(cookie: str) -> tuple[str, str]:
    """Id and secret of a session, as a cookie spells them; the log is asked for nothing else.

    Raises Refusal `unauthenticated`.
    """
    session_id, _, secret = cookie.partition(".")
    if not ID.fullmatch(session_id) or not SECRET.fullmatch(secret):
        raise unauthenticated()
    return session_id, secret


def secret_hash(secret: str) -> str:
    """What is kept of a session's secret: its SHA-256, in hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


def opens(session: Session, secret: str) -> bool:
    """Whether a secret is the session's, in constant time."""
    return hmac.compare_digest(secret_hash(secret), session.secret_hash)


def unauthenticated() -> Refusal:
    """Whoever asks is nobody that is known here, or nobody any more."""
    return Refusal(Kind.UNAUTHENTICATED, "unauthenticated", "log in first")
