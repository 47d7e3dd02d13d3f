"""Accounts: registering them, and what administrators do with them."""

import secrets
from dataclasses import dataclass, field

from eventlog.events import Event
from eventlog.log import Attempt, By, Log
from services.identity.commands import Done, Identity
from services.identity.commands.names import key_of
from services.identity.domain.account import ACCOUNT, NAME, claim, disable, enable, revoke
from services.identity.domain.events import AccountRegistered
from services.identity.domain.names import normalise, read_email, read_password


@dataclass(frozen=True, slots=True)
class Registered:
    """A new account, and where it stands."""

    account_id: str
    position: int


@dataclass(frozen=True, slots=True)
class Applicant:
    """Who wants an account, and where they ask from."""

    username: str
    password: str = field(repr=False)
    email: str | None
    source: str


async def register(identity: Identity, correlation_id: str, applicant: Applicant, actor: str = "") -> Registered:
    """Makes an account. `actor` is whoever makes it for somebody else.

    Raises Refusal `account_exists`, `username_invalid`, `email_invalid`, `password_too_weak`, `password_too_long`,
    `too_many_attempts`.
    """
    name, email = normalise(applicant.username), read_email(applicant.email)
    hints = [name, *([email] if email else [])]
    hashed = await identity.hasher.hash_new(read_password(applicant.password), hints, applicant.source)
    account_id = f"acc_{secrets.token_urlsafe(16)}"
    key = await key_of(identity.log, name)
    registered = AccountRegistered(account_id=account_id, username=name, email=email, password_hash=hashed)

    async def decision(attempt: Attempt) -> None:
        claimed = claim(await attempt.read(NAME, key), account_id)
        attempt.start(ACCOUNT, account_id, registered)
        await attempt.write(NAME, key, *claimed)

    outcome = await identity.log.decide(By(actor or account_id, correlation_id), decision)
    return Registered(account_id, outcome.position)


async def disable_account(identity: Identity, by: By, account_id: str, reason: str) -> Done:
    """Ends the account's sessions and what hangs from them, and lets nobody in. Raises Refusal `account_unknown`."""

    async def decision(attempt: Attempt) -> int:
        account = await attempt.read(ACCOUNT, account_id)
        await attempt.write(ACCOUNT, account_id, *disable(account, reason))
        return account.since

    outcome = await identity.log.decide(by, decision)
    position = outcome.position or outcome.value
    return Done(position, await identity.tokens.revoke_sessions_before(account_id, position, None, "account_disabled"))


async def enable_account(identity: Identity, by: By, account_id: str, reason: str) -> Done:
    """Lets the person log in again. Raises Refusal `account_unknown`."""

    async def decision(attempt: Attempt) -> int:
        account = await attempt.read(ACCOUNT, account_id)
        await attempt.write(ACCOUNT, account_id, *enable(account, reason))
        return account.since

    outcome = await identity.log.decide(by, decision)
    return Done(outcome.position or outcome.value)


async def take_over_revocation(log: Log, by: By, account_id: str, token_position: int, command_id: str) -> None:
    """A revocation that was made at token ends the account's sessions here, too."""

    async def decision(attempt: Attempt) -> None:
        events: list[Event] = revoke(await attempt.read(ACCOUNT, account_id), token_position)
        await attempt.write(ACCOUNT, account_id, *events)

    await log.decide(by, decision, command_id)
