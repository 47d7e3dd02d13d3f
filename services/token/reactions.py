"""What happens at identity ends what hangs from it here, also where identity could not ask."""

from collections.abc import Awaitable, Callable

from eventlog.events import Event, Recorded
from eventlog.log import By
from eventlog.projection import reaction_id
from services.token.commands.revoke import revoke_session, revoke_sessions_before
from services.token.domain.revocation import Before
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
