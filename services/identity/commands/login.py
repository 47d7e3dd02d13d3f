"""Logging in: limits, then the hash, then a session; and, for an app of the operator's own, its first tokens."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from eventlog.errors import Kind, Refusal, unavailable
from eventlog.log import Attempt, By
from services.identity.commands import Browser, Identity, devices
from services.identity.commands.counted import Counted, give_all_back, take_all
from services.identity.commands.names import find, key_of
from services.identity.commands.sessions import end_by_cookie, end_session, opened_by
from services.identity.domain.account import ACCOUNT, Account, invalid_credentials, may_sign_in, rehash
from services.identity.domain.events import LoginSucceeded, SessionStarted
from services.identity.domain.names import read_password
from services.identity.domain.session import SECOND, SESSION, ends_at_token, secret_hash, until_told_apart
from services.identity.ports import FirstTokens, Overtaken, Started, Step

Offer = Callable[[Started], Awaitable[FirstTokens | Step | Overtaken]]
"""What token answers to a session that has just started."""

ACR = "urn:watchword:acr:password"
AMR = ("pwd",)
PATIENCE = 2.0
SET_BACK = 20_000
"""Microseconds by which the log's time, as a process knows it, may be corrected downwards within a second or so."""

# What token says where identity's own log has overtaken this login: the same answer as a moment later.
_OVERTAKEN_HERE = frozenset({"session_ended"})


@dataclass(frozen=True, slots=True)
class Credentials:
    """What somebody typed, and the app that asks for tokens, if one does."""

    username: str
    password: str = field(repr=False)
    client_id: str | None = None


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A new session. `cookie` and `device` are the values of the browser's cookies.

    `tokens` are there for a client, `step` is what comes next where the login was for an authorization request.
    """

    account_id: str
    session_id: str
    position: int
    cookie: str = field(repr=False)
    device: str = field(repr=False)
    tokens: FirstTokens | None = None
    step: Step | None = None


@dataclass(frozen=True, slots=True)
class _Verified:
    """An account whose password was right; `rehashed` is its hash at today's cost, where it was made at another."""

    account: Account
    rehashed: str | None
    correlation_id: str

    @property
    def by(self) -> By:
        return By(self.account.id, self.correlation_id)


async def log_in(
    identity: Identity, correlation_id: str, credentials: Credentials, browser: Browser, offer: Offer | None = None
) -> LoggedIn:
    """Starts a session, in place of the one that the browser had, and offers it to token for what it is meant for.

    Raises Refusal `invalid_credentials`, `too_many_attempts`, `overloaded`, `password_too_long`, `parked`, and with a
    client or an offer what token refuses, such as `unauthorized_client`; then no session is left behind.
    """
    password = read_password(credentials.password)
    name_key = await key_of(identity.log, credentials.username)
    device = await devices.recognise(identity.log, browser.device, name_key)
    async with _counted(identity, _limits(name_key, device, browser), browser.source):
        account = await find(identity.log, name_key)
        try:
            verified = await _verify(identity, correlation_id, account, password, browser)
            await _told_apart(identity, account.id, browser.session)
            offer = offer or await _for_tokens(identity, credentials.client_id)
            started, cookie, answer = await _start(identity, verified, offer, browser)
        except Refusal as refusal:
            if refusal.code == "invalid_credentials":
                by = By("anonymous", correlation_id)
                await identity.failures.record(by, credentials.username, account.id or None, browser.address)
            raise
    replaced = await end_by_cookie(identity, verified.by, browser.session, "replaced") if browser.session else 0
    new_device = await devices.issue(identity.log, name_key)
    position = max(started.position, replaced)
    tokens, step = (answer, None) if isinstance(answer, FirstTokens) else (None, answer)
    return LoggedIn(account.id, started.session_id, position, cookie, new_device, tokens, step)


def _limits(name_key: str, device: str | None, browser: Browser) -> Counted:
    """A known device has tries of its own, so that nobody else's can lock its owner out."""
    if device is not None:
        return [("device", device)]
    return [("address", browser.source), ("name", name_key), ("name_address", f"{name_key}/{browser.source}")]


@asynccontextmanager
async def _counted(identity: Identity, limits: Counted, source: str) -> AsyncIterator[None]:
    """Counts an attempt before it is made, so that many at once cannot pass; only failures stay counted."""
    async with identity.turns.turn("/".join(limits[-1]), source):
        taken = await take_all(identity.limits, limits)
        failed = False
        try:
            yield
        except Refusal as refusal:
            failed = refusal.code == "invalid_credentials"
            raise
        finally:
            if not failed:
                await give_all_back(identity.limits, taken)


async def _verify(
    identity: Identity, correlation_id: str, account: Account, password: str, browser: Browser
) -> _Verified:
    hashed = account.password_hash or identity.hasher.nobodys
    if not await identity.hasher.verify(hashed, password, browser.source) or not account.id:
        raise invalid_credentials()
    may_sign_in(account, account)
    rehashed = await identity.hasher.hash(password, browser.source) if identity.hasher.outdated(hashed) else None
    return _Verified(account, rehashed, correlation_id)


async def _told_apart(identity: Identity, account_id: str, cookie: str | None) -> None:
    """Waits until `auth_time` says that this is not the login of the session that the browser has."""
    before = await opened_by(identity.log, cookie) if cookie else None
    if before is not None and (left := until_told_apart(before, account_id, identity.log.now())):
        await asyncio.sleep((left + SET_BACK) / SECOND)


async def _for_tokens(identity: Identity, client_id: str | None) -> Offer | None:
    if client_id is None:
        return None
    if await identity.clients.direct_login(client_id) is False:
        raise Refusal(Kind.INVALID, "unauthorized_client", "this app may not ask for a password itself")
    return partial(identity.tokens.start_family, client_id)


async def _start(
    identity: Identity, verified: _Verified, offer: Offer | None, browser: Browser
) -> tuple[Started, str, FirstTokens | Step | None]:
    """The session, its cookie and token's answer; all anew where token knows of a revocation that identity did not."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while True:
        started, cookie = await _start_session(identity, verified, browser)
        if offer is None:
            return started, cookie, None
        answer = await _offered(identity, verified.by, offer, started)
        if not isinstance(answer, Overtaken):
            return started, cookie, answer
        await _give_up(identity, verified.by, started)
        await wait_for_token(identity, answer, deadline)


async def wait_for_token(identity: Identity, overtaken: Overtaken, deadline: float) -> None:
    """Until what has overtaken is applied here. Raises Refusal `not_yet_applied` at `deadline`, by the loop's time."""
    left = max(deadline - asyncio.get_running_loop().time(), 0)
    if not left or not await identity.token_log.wait(overtaken.position, left):
        raise unavailable("not_yet_applied", "a revocation that was just made is not applied here yet")


async def _start_session(identity: Identity, verified: _Verified, browser: Browser) -> tuple[Started, str]:
    session_id, secret = f"ses_{secrets.token_urlsafe(16)}", secrets.token_urlsafe(32)
    account_id = verified.account.id

    async def decision(attempt: Attempt) -> SessionStarted:
        account = await attempt.read(ACCOUNT, account_id)
        may_sign_in(account, verified.account)
        identity.parked.refuse(*ends_at_token(account_id, session_id))
        await attempt.write(ACCOUNT, account_id, *rehash(account, verified.account, verified.rehashed))
        succeeded = LoginSucceeded(account_id=account_id, session_id=session_id, acr=ACR, amr=list(AMR))
        session = SessionStarted(
            session_id=session_id,
            account_id=account_id,
            seen=max(identity.token_log.applied, account.revoked),
            auth_time=attempt.now,
            acr=ACR,
            amr=list(AMR),
            secret_hash=secret_hash(secret),
            address=browser.address,
            agent=browser.agent,
        )
        attempt.start(SESSION, session_id, succeeded, session)
        return session

    outcome = await identity.log.decide(verified.by, decision)
    session = outcome.value
    started = Started(session_id, account_id, outcome.position, session.seen, session.auth_time, ACR, AMR)
    return started, f"{session_id}.{secret}"


async def _offered(identity: Identity, by: By, offer: Offer, started: Started) -> FirstTokens | Step | Overtaken:
    try:
        return await offer(started)
    except Refusal as refusal:
        await _give_up(identity, by, started)
        if refusal.code in _OVERTAKEN_HERE and refusal.kind is Kind.PRECONDITION:
            raise invalid_credentials() from refusal
        raise


async def _give_up(identity: Identity, by: By, started: Started) -> None:
    await end_session(identity, by, started.account_id, started.session_id, "not_completed")
