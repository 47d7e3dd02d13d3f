"""Token's revocations end identity's sessions, too: a revocation is one act that ends everything below it."""

from eventlog.events import Event, Recorded
from eventlog.log import By, Log
from eventlog.projection import reaction_id
from services.identity.commands.accounts import take_over_revocation
from services.identity.commands.sessions import take_over_end
from services.identity.projections import SessionRevoked, SubjectRevoked

ACTOR = "service/identity"
NAME = "revocations"


class TakeOver:
    """Reacts to token's log. What identity itself had asked of token is known here already."""

    def __init__(self, log: Log) -> None:
        self._log = log

    async def __call__(self, event: Event, row: Recorded) -> None:
        by, command_id = By(ACTOR, row.correlation_id), reaction_id("token", row.position)
        match event:
            case SessionRevoked():
                await take_over_end(self._log, by, event.session_id, command_id)
            case SubjectRevoked(before_session_position=None):
                await take_over_revocation(self._log, by, event.subject, row.position, command_id)
