"""The token-exchange grant (RFC 8693): delegation between services. What it gives falls with what it was given for."""

from eventlog.log import Attempt, By
from services.token.commands.clients import proven
from services.token.commands.issue import Answered, Signing, answer, says, signing_key
from services.token.commands.pairwise import note_family
from services.token.commands.refresh import read_lineage
from services.token.domain.binding import UNBOUND, Binding
from services.token.domain.client import CLIENT, Client
from services.token.domain.events import TokenExchanged
from services.token.domain.exchange import (
    ACCESS_TOKEN,
    GRANT_TYPE,
    Standing,
    Wanted,
    came_from,
    expiry,
    narrowed,
    require_delegation,
    require_standing,
)
from services.token.domain.family import Family
from services.token.domain.keyring import ALGORITHMS, KEYRING, signing_ring
from services.token.domain.pairwise import last_token
from services.token.domain.revocation import SUBJECT, TOKEN, hangs_from
from services.token.ports import Token
from watchword.claims import Claims


async def exchange(
    token: Token,
    client: Client,
    subject: Claims,
    actor: Claims | None,
    wanted: Wanted,
    by: By,
    binding: Binding = UNBOUND,
) -> Answered:
    """A token with which the client acts for the subject. `subject` and `actor` are tokens that have verified here.

    It has the family, the session and at most the scope and the life of the subject token, and ends with it.
    Raises InvalidRequest, InvalidScope, InvalidTarget, UnauthorizedClient.
    """

    async def decide(attempt: Attempt) -> Signing:
        own = await proven(attempt, client)
        own.may(GRANT_TYPE)
        require_delegation(subject, actor, own, binding)
        standing = await _standing(attempt, subject)
        require_standing(subject, standing, attempt.now)
        family = None if standing.lineage is None else standing.lineage.family
        exchanged = _exchanged(token, own, subject, wanted, family, attempt.now, binding)
        token.parked.refuse(*hangs_from(exchanged.subject, exchanged.session_id))
        attempt.start(TOKEN, exchanged.token_id, exchanged)
        if family is not None:
            await note_family(attempt, own, family, last_token(family))
        return Signing(exchanged, await signing_key(attempt, own), own, family)

    outcome = await token.log.decide(by, decide)
    return await answer(token, outcome.value, outcome.position, outcome.time, ACCESS_TOKEN)


async def _standing(attempt: Attempt, subject: Claims) -> Standing:
    """Each of it is guarded."""
    prior = came_from(subject)
    lineage = None if subject.fam is None else await read_lineage(attempt, subject.fam)
    return Standing(
        lineage,
        await attempt.read(SUBJECT, subject.sub) if lineage is None else lineage.subject,
        tuple([await attempt.read(TOKEN, one.jti) for one in prior]),
        tuple([await attempt.read(CLIENT, one) for one in {one.client_id for one in prior}]),
        tuple([await attempt.read(KEYRING, signing_ring(alg)) for alg in ALGORITHMS]),
    )


def _exchanged(
    token: Token, own: Client, subject: Claims, wanted: Wanted, family: Family | None, now: int, binding: Binding
) -> TokenExchanged:
    """Whose token it is says the family: the token may say so in the way of the client that it was given to."""
    whom, session_id = (subject.sub, subject.sid) if family is None else (family.subject, family.session_id or None)
    audience = own.audience(list(wanted.targets), token.issuer)
    said = says(own, whom, audience, narrowed(subject, own, wanted), now, binding)
    prior = came_from(subject)
    return TokenExchanged(
        **said | {"expires_at": expiry(subject, own, now)},
        session_id=session_id,
        family_id=subject.fam,
        actors=[own.id, *subject.actors],
        prior_tokens=[one.jti for one in prior],
        prior_clients=[one.client_id for one in prior],
        prior_keys=[one.kid for one in prior],
    )
