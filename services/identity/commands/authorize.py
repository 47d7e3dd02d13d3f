"""A browser on its way through an authorization request: token says what comes next, identity who is there."""

import asyncio
from dataclasses import dataclass

from eventlog.errors import Kind, Refusal
from services.identity.commands import Browser, Identity
from services.identity.commands.login import PATIENCE, Credentials, LoggedIn, log_in, wait_for_token
from services.identity.commands.sessions import Visitor, visitor_of
from services.identity.domain.session import Session
from services.identity.ports import Authorizations, Decision, Overtaken, SignedIn, Started, Step


@dataclass(frozen=True, slots=True)
class Next:
    """What comes next, and for whom: nobody where nobody is signed in."""

    step: Step
    visitor: Visitor | None


@dataclass(frozen=True, slots=True)
class Answers:
    """What a person has said: the session that they chose to go on with, and what they decided."""

    chosen: str = ""
    decision: Decision | None = None


NOTHING = Answers()


async def visitor(identity: Identity, cookie: str | None) -> Visitor | None:
    """Whose a browser's session cookie is; None where it opens nothing. Raises Refusal `parked`."""
    if cookie is None:
        return None
    try:
        return await visitor_of(identity, cookie)
    except Refusal as refusal:
        if refusal.kind is Kind.UNAUTHENTICATED:
            return None
        raise


async def proceed(
    identity: Identity, token: Authorizations, handle: str, cookie: str | None, answers: Answers = NOTHING
) -> Next:
    """What token says to whoever is there. Raises Refusal as token does, and `not_yet_applied`.

    A session that a revocation at token has overtaken is over as soon as that is applied here: then nobody is there.
    """
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while True:
        there = await visitor(identity, cookie)
        who = None if there is None else signed_in(there.session, answers.decision, answers.chosen)
        step = await token.proceed(handle, who)
        if not isinstance(step, Overtaken):
            return Next(step, there)
        await wait_for_token(identity, step, deadline)


async def sign_in(
    identity: Identity,
    token: Authorizations,
    correlation_id: str,
    handle: str,
    credentials: Credentials,
    where: Browser,
) -> LoggedIn:
    """Logs in and goes on: whoever has just signed in has chosen their account. Raises as log_in does."""

    async def offer(started: Started) -> Step | Overtaken:
        return await token.proceed(handle, SignedIn(started, chosen=True))

    return await log_in(identity, correlation_id, credentials, where, offer)


def signed_in(session: Session, decision: Decision | None, chosen: str = "") -> SignedIn:
    """A session as token is told of it, with what its person said."""
    started = Started(
        session_id=session.id,
        account_id=session.account_id,
        position=session.position,
        seen=session.seen,
        auth_time=session.auth_time,
        acr=session.acr,
        amr=session.amr,
    )
    return SignedIn(started, chosen == session.id, decision)
