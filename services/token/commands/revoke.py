"""Revocation (RULES 7): one act that ends everything below it, ordered by position."""

from eventlog.log import Attempt, By
from services.token.commands.pairwise import Ends
from services.token.domain.client import CLIENT
from services.token.domain.errors import Unknown
from services.token.domain.events import ClientRevoked, SessionRevoked, SubjectRevoked, TokenRevoked
from services.token.domain.family import FAMILY, revoked
from services.token.domain.names import ACCOUNT, LONGEST_ID
from services.token.domain.pairwise import ended_by
from services.token.domain.revocation import SESSION, SUBJECT, TOKEN, Before
from services.token.ports import Token

SESSION_ID = "ses_"


async def revoke_session(token: Token, session_id: str, reason: str, by: By, command_id: str | None = None) -> int:
    """Ends all that hangs from a session. The position of the revocation, also where it was made before.

    Token may not have heard of the session yet. Raises Unknown for what is no session's id.
    """
    if not session_id.startswith(SESSION_ID):
        raise Unknown(f"session: an id begins with {SESSION_ID}")
    ends = Ends(token, by)

    async def decide(attempt: Attempt) -> int:
        await ends.together(attempt, session_id, reason)
        session = await attempt.read(SESSION, session_id)
        if not session.revoked_at:
            await attempt.write(SESSION, session_id, SessionRevoked(session_id=session_id, reason=reason))
        return session.revoked_at

    outcome = await token.log.decide(by, decide, command_id)
    return await ends.left(session_id, reason, outcome.position or outcome.value)


async def revoke_family(token: Token, family_id: str, reason: str, by: By) -> int:
    """Ends a refresh family and its tokens. Raises Unknown."""

    async def decide(attempt: Attempt) -> int:
        family = await attempt.read(FAMILY, family_id)
        if not family.known:
            raise Unknown("family")
        if not family.revoked_at:
            await attempt.write(FAMILY, family_id, revoked(family, reason))
        return family.revoked_at

    outcome = await token.log.decide(by, decide)
    return outcome.position or outcome.value


async def revoke_subject(token: Token, subject: str, reason: str, by: By, command_id: str | None = None) -> int:
    """Ends every session and token of an account, or of a client by itself, up to now.

    Raises Unknown for anything else: a username that an operator typed must not come into the log, and what a pairwise
    client calls somebody ends nothing, though it looks as if it could.
    """
    ends = Ends(token, by)

    async def decide(attempt: Attempt) -> None:
        if not subject.startswith(ACCOUNT) and not (await attempt.read(CLIENT, subject)).known:
            raise Unknown(f"subject: an account's id begins with {ACCOUNT}")
        if subject.startswith(ACCOUNT) and len(subject) > LONGEST_ID:
            raise Unknown("account: that is what an application calls one; its token names a family (fam) to end")
        await ends.together(attempt, subject, reason)
        await attempt.write(SUBJECT, subject, SubjectRevoked(subject=subject, reason=reason))

    return await ends.left(subject, reason, (await token.log.decide(by, decide, command_id)).position)


async def revoke_sessions_before(
    token: Token, subject: str, asked: Before, reason: str, by: By, command_id: str | None = None
) -> int:
    """What identity asks for: ends a subject's sessions below a position of identity's log, one perhaps spared.

    Twice is once, whether asked directly or by reaction.
    """
    ends = Ends(token, by)

    async def decide(attempt: Attempt) -> int:
        await ends.together(attempt, subject, reason, ended_by(asked))
        covering = (await attempt.read(SUBJECT, subject)).covering(asked)
        if covering is not None:
            return covering.at
        event = SubjectRevoked(
            subject=subject,
            reason=reason,
            before_session_position=asked.position,
            spared_session_id=asked.spared,
        )
        await attempt.write(SUBJECT, subject, event)
        return 0

    outcome = await token.log.decide(by, decide, command_id)
    return await ends.left(subject, reason, outcome.position or outcome.value, ended_by(asked))


async def revoke_client(token: Token, client_id: str, reason: str, by: By) -> int:
    """Ends all that a client holds; what it is given afterwards is good. Raises Unknown."""

    async def decide(attempt: Attempt) -> None:
        if not (await attempt.read(CLIENT, client_id)).known:
            raise Unknown("client")
        await attempt.write(CLIENT, client_id, ClientRevoked(client_id=client_id, reason=reason))

    return (await token.log.decide(by, decide)).position


async def revoke_token(token: Token, token_id: str, subject: str, client_id: str, reason: str, by: By) -> int:
    """Ends one access token."""

    async def decide(attempt: Attempt) -> int:
        single = await attempt.read(TOKEN, token_id)
        if not single.revoked_at:
            event = TokenRevoked(token_id=token_id, subject=subject, client_id=client_id, reason=reason)
            await attempt.write(TOKEN, token_id, event)
        return single.revoked_at

    outcome = await token.log.decide(by, decide)
    return outcome.position or outcome.value
