"""Changing a password: the other sessions end, and this one's cookie gets a new secret."""

import secrets
from dataclasses import dataclass, field

from eventlog.errors import Refusal
from eventlog.log import Attempt, By
from services.identity.commands import Done, Identity
from services.identity.commands.sessions import Person
from services.identity.domain.account import ACCOUNT, invalid_credentials, may_sign_in
from services.identity.domain.events import CredentialChanged, SessionSecretChanged
from services.identity.domain.names import read_password
from services.identity.domain.session import SESSION, alive, secret_hash, unauthenticated


@dataclass(frozen=True, slots=True)
class Changed:
    """Where the change stands, and the new value of the session's cookie, if the change was made in a session."""

    done: Done
    cookie: str | None = field(repr=False)


async def change_password(
    identity: Identity, correlation_id: str, person: Person, current: str, new: str, source: str
) -> Changed:
    """Raises Refusal `invalid_credentials` where `current` is wrong, `password_too_weak`, `password_too_long`,
    `too_many_attempts`, and `unauthenticated` where the session ended meanwhile."""
    account, session_id = person.account, person.session_id
    await _prove(identity, person, read_password(current), source)
    hints = [account.username, *([account.email] if account.email else [])]
    hashed = await identity.hasher.hash_new(read_password(new), hints, source)
    secret = secrets.token_urlsafe(32)

    async def decision(attempt: Attempt) -> None:
        if session_id is not None:
            # Read first, written first: so the position of the whole is that below which sessions end.
            session = await attempt.read(SESSION, session_id)
            if not alive(session, await attempt.read(ACCOUNT, account.id), attempt.now):
                raise unauthenticated()
            rotated = SessionSecretChanged(
                session_id=session_id, account_id=account.id, secret_hash=secret_hash(secret)
            )
            await attempt.write(SESSION, session_id, rotated)
        may_sign_in(await attempt.read(ACCOUNT, account.id), account)
        changed = CredentialChanged(account_id=account.id, spared_session_id=session_id, password_hash=hashed)
        await attempt.write(ACCOUNT, account.id, changed)

    position = (await identity.log.decide(By(account.id, correlation_id), decision)).position
    applied = await identity.tokens.revoke_sessions_before(account.id, position, session_id, "password_changed")
    return Changed(Done(position, applied), f"{session_id}.{secret}" if session_id else None)


async def _prove(identity: Identity, person: Person, current: str, source: str) -> None:
    """Whoever holds a session may try the password only so often; only failures stay counted."""
    account = person.account
    await identity.limits.take("password", account.id)
    try:
        right = await identity.hasher.verify(account.password_hash, current, source)
    except Refusal:
        await identity.limits.give_back("password", account.id)
        raise
    if not right:
        raise invalid_credentials()
    await identity.limits.give_back("password", account.id)
