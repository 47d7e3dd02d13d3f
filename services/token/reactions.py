"""What happens at identity ends what hangs from it here, also where identity could not ask; and what ends here is told
to clients, and ends what hangs from it in turn.
"""

from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

from eventlog.events import Event, Recorded
from eventlog.log import By
from eventlog.projection import reaction_id
from services.token.commands.grants import end_families
from services.token.commands.pairwise import end_left
from services.token.commands.revoke import revoke_session, revoke_sessions_before, revoke_subject
from services.token.commands.tell import begin_logout
from services.token.domain.errors import Unknown
from services.token.domain.events import GrantRevoked, SessionRevoked, SubjectRevoked, events
from services.token.domain.logout import PATIENCE
from services.token.domain.pairwise import ended_by
from services.token.domain.revocation import Before
from services.token.entitlements import AccessRecalled
from services.token.parts import Involvement
from services.token.ports import Token
from services.token.projections import AccountDisabled, AccountSignedOut, CredentialChanged, SessionEnded

ACTOR = "service/token"


def revoke_what_identity_ended(token: Token) -> Callable[[Event, Recorded], Awaitable[None]]:
    """The reaction to identity's log. What identity asked for directly is there already, and twice is once."""

    async def react(event: Event, row: Recorded) -> None:
        by, command_id = By(ACTOR, row.correlation_id), reaction_id("identity", row.position)
        match event:
            case SessionEnded():
                await revoke_session(token, event.session_id, "session_ended", by, command_id)
            case AccountDisabled():
                before = Before(row.position, None, 0)
                await revoke_sessions_before(token, event.account_id, before, "account_disabled", by, command_id)
            case CredentialChanged():
                before = Before(row.position, event.spared_session_id, 0)
                await revoke_sessions_before(token, event.account_id, before, "credential_changed", by, command_id)
            case AccountSignedOut():
                before = Before(row.position, None, 0)
                await revoke_sessions_before(token, event.account_id, before, "signed_out", by, command_id)

    return react


def revoke_what_policy_recalled(token: Token) -> Callable[[Event, Recorded], Awaitable[None]]:
    """The reaction to policy's log: an administrator wants a change of roles to hold at once, in tokens, too."""

    async def react(event: Event, row: Recorded) -> None:
        for subject in event.subjects if isinstance(event, AccessRecalled) else ():
            by, command_id = By(ACTOR, row.correlation_id), reaction_id(f"policy/{subject}", row.position)
            with suppress(Unknown):  # a client that is gone holds nothing
                await revoke_subject(token, subject, "access_recalled", by, command_id)

    return react


own_events = events.only(SessionRevoked, SubjectRevoked, GrantRevoked)

Hurry = Callable[[str, Iterable[str]], None]
"""Says which clients are to be told of which session's end, without waiting for it."""


def follow_up_what_ended(
    token: Token, parts: Involvement, hurry: Hurry
) -> Callable[[Event, Recorded], Awaitable[None]]:
    """The reaction to token's own log. It sends nothing itself, so that no client can hold it up."""

    async def react(event: Event, row: Recorded) -> None:
        by = By(ACTOR, row.correlation_id)
        if isinstance(event, GrantRevoked):
            await end_families(token, parts, event.subject, event.client_id, by)
            return
        if token.log.now() >= row.time + PATIENCE:
            return  # clients are told of what has just happened, not of yesterday's
        await _finish(token, event, row.position, by)
        await parts.level(row.position)
        for session_id, subject in await _ended(parts, event, row):
            clients = await parts.clients_of(session_id)
            command_id = reaction_id(f"token/{session_id}", row.position)
            logout = await begin_logout(token, session_id, subject, clients, by, command_id)
            hurry(session_id, logout.owed)

    return react


async def _finish(token: Token, event: Event, position: int, by: By) -> None:
    """Ends what a process that stopped in the middle may have left (`commands.pairwise.Ends`)."""
    match event:
        case SessionRevoked():
            await end_left(token, event.session_id, event.reason, position, by)
        case SubjectRevoked(before_session_position=int(before)):
            which = ended_by(Before(before, event.spared_session_id, position))
            await end_left(token, event.subject, event.reason, position, by, which)
        case SubjectRevoked():
            await end_left(token, event.subject, event.reason, position, by)


async def _ended(parts: Involvement, event: Event, row: Recorded) -> list[tuple[str, str]]:
    """The sessions that an event ended in which clients took part, with whose they were."""
    match event:
        case SessionRevoked():
            subject = await parts.subject_of(event.session_id)
            return [] if subject is None else [(event.session_id, subject)]
        case SubjectRevoked(before_session_position=int(position)):
            before = Before(position, event.spared_session_id, row.position)
            return [(one, event.subject) for one in await parts.sessions_before(event.subject, before)]
        case SubjectRevoked():
            return [(one, event.subject) for one in await parts.sessions_not_seen(event.subject, row.position)]
    return []
