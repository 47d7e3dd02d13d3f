"""The refresh_token grant (RFC 6749 6, RULES 8)."""

from collections.abc import Callable

import structlog

from eventlog.log import Attempt, By
from services.token.adapters.refresh_secrets import forged, open_refresh_token
from services.token.commands.awaited import Awaited
from services.token.commands.clients import proven
from services.token.commands.issue import Answered, Signing, answer, identifies, refresh_key, says, signing_key
from services.token.commands.pairwise import Ends, note_family
from services.token.domain.binding import UNBOUND, Binding
from services.token.domain.client import CLIENT, Client
from services.token.domain.code import CODE
from services.token.domain.errors import AheadOfLog, InvalidGrant, MayHaveWaited, Reused
from services.token.domain.events import RefreshRetried, RefreshRotated, RefreshUsed
from services.token.domain.family import FAMILY, Family, Lineage, Retry, Rotate, Theft, Use, judge
from services.token.domain.grant import GRANT, Grant, grant_key
from services.token.domain.keyring import KEYRING, REFRESH_RING
from services.token.domain.pairwise import last_token
from services.token.domain.revocation import SESSION, SUBJECT, TOKEN, Session, hangs_from
from services.token.domain.said import Identified
from services.token.ports import Token

log = structlog.get_logger()


async def refresh(
    token: Token,
    client: Client,
    presented: str,
    scope: str | None,
    resources: list[str],
    by: By,
    awaited: Awaited,
    binding: Binding = UNBOUND,
) -> Answered:
    """The next refresh token of a lineage, or the same again where the answer was lost or `binding` keeps it safe.

    Raises InvalidGrant: for a forged token nothing happens; for a genuine one (Reused) that was used before, reuse is
    recorded and what the client's policy names is revoked. Raises Refusal `parked` where identity may have ended it,
    and MayHaveWaited where what looks like reuse may be a request that was given up.
    """
    genuine = await open_refresh_token(token.vault, presented)
    ends = Ends(token, by)

    async def decide(attempt: Attempt) -> Signing | Theft:
        await require_key(attempt, genuine.key_id)
        by_client = await proven(attempt, client)
        lineage = await read_lineage(attempt, genuine.family_id)
        judged = judge(lineage, genuine, by_client, attempt.now, token.ready_since(), binding)
        if isinstance(judged, Theft):
            if await awaited.may_be_given_up(attempt.now, token.ready_since()):
                raise MayHaveWaited
            await _record(attempt, lineage, judged, ends)
            return judged
        return await _give(token, attempt, lineage, judged, scope, resources, binding)

    try:
        outcome = await token.log.decide(by, decide)
    except AheadOfLog:
        log.error("refresh_ahead_of_log", family_id=genuine.family_id, generation=genuine.generation)
        raise
    if isinstance(outcome.value, Theft):
        log.warning("refresh_reuse_detected", family_id=genuine.family_id, position=outcome.position)
        raise Reused(await _settled(ends, outcome.value, outcome.position))
    return await answer(token, outcome.value, outcome.position, outcome.time)


async def require_key(attempt: Attempt, key_id: str, refuse: Callable[[], InvalidGrant] = forged) -> None:
    """A key that was dropped since derives and verifies nothing. Its ring is guarded."""
    key = (await attempt.read(KEYRING, REFRESH_RING)).find(key_id)
    if key is None or not key.verifies:
        raise refuse()


async def read_lineage(attempt: Attempt, family_id: str) -> Lineage:
    """A family with all that it hangs from, each guarded."""
    family = await attempt.read(FAMILY, family_id)
    return Lineage(
        family,
        Session() if family.offline else await attempt.read(SESSION, family.session_id),
        await attempt.read(SUBJECT, family.subject),
        await attempt.read(CLIENT, family.client_id),
        # A direct login hangs from no grant: the client is the operator's own.
        await attempt.read(GRANT, grant_key(family.subject, family.client_id)) if family.code_id else Grant(),
    )


async def _record(attempt: Attempt, lineage: Lineage, theft: Theft, ends: Ends) -> None:
    await attempt.write(FAMILY, lineage.family.id, *theft.family)
    for event in theft.subject:
        await ends.together(attempt, event.subject, event.reason)
        await attempt.write(SUBJECT, event.subject, event)


async def _settled(ends: Ends, theft: Theft, position: int) -> int:
    for event in theft.subject:
        position = await ends.left(event.subject, event.reason, position)
    return position


async def _give(
    token: Token,
    attempt: Attempt,
    lineage: Lineage,
    judged: Rotate | Retry | Use,
    scope: str | None,
    resources: list[str],
    binding: Binding,
) -> Signing:
    family, client = lineage.family, lineage.client
    client.may("refresh_token")
    token.parked.refuse(*hangs_from(family.subject, family.session_id))
    key = await signing_key(attempt, client)
    await note_family(attempt, client, family, last_token(family))
    audience = family.narrowed(resources) if family.audience else client.audience(resources, token.issuer)
    said = says(client, family.subject, audience, client.scope(scope, of=family.scope), attempt.now, binding)
    said |= {"session_id": family.session_id or None, "family_id": family.id, "generation": judged.generation}
    identified = await identifies(attempt, client, said["scope"], Identified(await _began_in(attempt, family)))
    if isinstance(judged, Rotate):
        derives = (await refresh_key(attempt)).id
        rotated = RefreshRotated(**said, refresh_key=derives)
        await attempt.write(FAMILY, family.id, rotated)
        return Signing(rotated, key, client, family, judged.generation, derives, identified)
    derives = family.key_of(judged.generation)
    await require_key(attempt, derives)
    if isinstance(judged, Use):
        used = RefreshUsed(**said)
        await attempt.write(FAMILY, family.id, used)
        return Signing(used, key, client, family, judged.generation, derives, identified)
    # A stream of its own, so that any number of retries fit into one batch; the family is guarded.
    retried = RefreshRetried(**said)
    attempt.start(TOKEN, retried.token_id, retried)
    return Signing(retried, key, client, family, judged.generation, derives, identified)


async def _began_in(attempt: Attempt, family: Family) -> str:
    """The session that ID tokens name (`sid`). Of a family that outlives it, the code knows which that was: a client
    keeps the newest ID token, and signs out with it (OpenID Connect Core 12.2).
    """
    if family.session_id or family.code_id is None:
        return family.session_id
    return (await attempt.read(CODE, family.code_id)).session_id
