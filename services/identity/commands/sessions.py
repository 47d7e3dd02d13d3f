"""Sessions: whose a cookie is, and how sessions end."""

import base64
import hashlib
import hmac
from dataclasses import dataclass

import structlog

from eventlog.errors import Kind, Refusal
from eventlog.events import Event
from eventlog.log import Attempt, By, Log
from services.identity.commands import Done, Identity
from services.identity.domain.account import ACCOUNT, Account
from services.identity.domain.events import AccountSignedOut
from services.identity.domain.session import (
    ID,
    SESSION,
    Session,
    alive,
    end,
    ends_at_token,
    opens,
    read_cookie,
    unauthenticated,
)

logger: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whose a browser is: somebody, in a session that goes on."""

    account: Account
    session: Session


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks: an account, in a session where there is one. `by_cookie`: so changes need the CSRF token."""

    account: Account
    session_id: str | None
    by_cookie: bool = False


async def of_cookie(identity: Identity, cookie: str) -> Person:
    """Whose a session cookie is, by what the database says now. Raises Refusal `unauthenticated`, and `parked` where
    token may have ended the session.
    """
    visitor = await visitor_of(identity, cookie)
    return Person(visitor.account, visitor.session.id, by_cookie=True)


async def visitor_of(identity: Identity, cookie: str) -> Visitor:
    """The same, with the session. Raises as `of_cookie` does."""
    session = await _opened(identity.log, cookie)
    return Visitor(await _in_session(identity, session), session)


async def of_claims(identity: Identity, account_id: str, session_id: str | None) -> Person:
    """Whose a verified bearer is, by what the database says now. Raises as `of_cookie` does."""
    if session_id is None:
        account = await identity.log.fresh(ACCOUNT, account_id)
        if not account.id or account.disabled:
            raise unauthenticated()
        identity.parked.refuse(*ends_at_token(account_id, ""))
        return Person(account, None)
    session = await identity.log.fresh(SESSION, session_id)
    account = await _in_session(identity, session)
    if account.id != account_id:
        raise unauthenticated()
    return Person(account, session_id)


async def _in_session(identity: Identity, session: Session) -> Account:
    account = await identity.log.fresh(ACCOUNT, session.account_id)
    now = identity.log.now()
    if not alive(session, account, now):
        raise unauthenticated()
    identity.parked.refuse(*ends_at_token(account.id, session.id))
    await identity.last_seen.touch(session.id, now)
    return account


async def _opened(log: Log, cookie: str) -> Session:
    session_id, secret = read_cookie(cookie)
    session = await log.fresh(SESSION, session_id)
    if not opens(session, secret):
        raise unauthenticated()
    return session


async def opened_by(log: Log, cookie: str) -> Session | None:
    """The session that a cookie opens, whether it goes on or not; None where it opens none."""
    try:
        return await _opened(log, cookie)
    except Refusal:
        return None


async def csrf_token(log: Log, bound_to: str) -> str:
    """The token that changes of a session must show, by its id; it stays the same while the session lives.

    For forms it is bound to more, such as a request and a session.
    """
    key = await log.sealer.secret("service/csrf")
    digest = hmac.digest(key, bound_to.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


async def fits(log: Log, bound_to: str, shown: str | None) -> bool:
    """Whether a token is the one that is bound to this, in constant time."""
    wanted = await csrf_token(log, bound_to)
    return hmac.compare_digest(wanted.encode(), (shown or "").encode("utf-8", "surrogatepass"))


async def check_csrf(log: Log, person: Person, shown: str | None) -> None:
    """Raises Refusal `csrf_token_invalid` where a cookie's change does not show its session's token."""
    if not person.by_cookie or person.session_id is None:
        return
    if not await fits(log, person.session_id, shown):
        raise Refusal(Kind.FORBIDDEN, "csrf_token_invalid", "X-CSRF-Token is missing or not this session's")


async def end_session(identity: Identity, by: By, account_id: str, session_id: str, reason: str) -> Done:
    """Ends one of an account's sessions; once more changes nothing. Raises Refusal `session_unknown`."""
    if not ID.fullmatch(session_id):
        raise _session_unknown()

    async def decision(attempt: Attempt) -> int:
        session = await attempt.read(SESSION, session_id)
        if not session.id or session.account_id != account_id:
            raise _session_unknown()
        await attempt.write(SESSION, session_id, *end(session, reason))
        return session.ended

    outcome = await identity.log.decide(by, decision)
    applied = await identity.tokens.revoke_session(session_id, reason)
    return Done(outcome.position or outcome.value, applied)


def _session_unknown() -> Refusal:
    return Refusal(Kind.NOT_FOUND, "session_unknown", "you have no such session")


async def end_by_cookie(identity: Identity, by: By, cookie: str, reason: str) -> int:
    """Ends the session that a cookie opens, whoever's it is, where that can be done now.

    The position of its end; 0 where nothing has ended. It fails nothing: what takes the session's place is there.
    """
    try:
        session = await _opened(identity.log, cookie)
        if session.ended:
            return 0
        return (await end_session(identity, by, session.account_id, session.id, reason)).position
    except Refusal as refusal:
        if refusal.kind is Kind.UNAVAILABLE:
            logger.warning("session_not_ended", reason=reason, because=refusal.code)
        return 0


async def sign_out(identity: Identity, by: By, account_id: str) -> Done:
    """Ends every session of the account."""

    async def decision(attempt: Attempt) -> None:
        account = await attempt.read(ACCOUNT, account_id)
        if not account.id:
            raise unauthenticated()
        await attempt.write(ACCOUNT, account_id, AccountSignedOut(account_id=account_id))

    position = (await identity.log.decide(by, decision)).position
    return Done(position, await identity.tokens.revoke_sessions_before(account_id, position, None, "signed_out"))


async def take_over_end(log: Log, by: By, session_id: str, command_id: str) -> None:
    """A session that was revoked at token is over here, too."""

    async def decision(attempt: Attempt) -> None:
        events: list[Event] = end(await attempt.read(SESSION, session_id), "revoked")
        await attempt.write(SESSION, session_id, *events)

    await log.decide(by, decision, command_id)
