"""Taking back what a person let a client have: the grant, every family that hangs from it, and their access tokens."""

from eventlog.log import Attempt, By
from services.token.commands.revoke import revoke_family
from services.token.domain.errors import Unknown
from services.token.domain.events import GrantRevoked
from services.token.domain.family import FAMILY
from services.token.domain.grant import GRANT, grant_key
from services.token.parts import Involvement
from services.token.ports import Token


async def revoke_grant(token: Token, parts: Involvement, subject: str, client_id: str, reason: str, by: By) -> int:
    """Once more changes nothing. The position of what ended last. Raises Unknown where nothing was granted."""

    async def decide(attempt: Attempt) -> int:
        grant = await attempt.read(GRANT, grant_key(subject, client_id))
        if not grant.scopes and not grant.revoked_at:
            raise Unknown("grant")
        if grant.scopes:
            event = GrantRevoked(subject=subject, client_id=client_id, reason=reason)
            await attempt.write(GRANT, grant_key(subject, client_id), event)
        return grant.revoked_at

    outcome = await token.log.decide(by, decide)
    return max(outcome.position or outcome.value, await end_families(token, parts, subject, client_id, by))


async def end_families(token: Token, parts: Involvement, subject: str, client_id: str, by: By) -> int:
    """No refresh token of theirs is good any more, as the grant's end says by itself; this ends the access tokens, too.

    The position of the last one's end, 0 where there is none. Raises Refusal `not_yet_applied`.
    """
    grant = await token.log.fresh(GRANT, grant_key(subject, client_id))
    await parts.level(grant.revoked_at)
    last = 0
    async for page in parts.families_of(subject, client_id):
        for family in await token.log.fresh_each(FAMILY, page):
            if family.started_at < grant.revoked_at:
                last = max(last, await revoke_family(token, family.id, "grant_revoked", by))
    return last
