"""Telling a session's clients that it has ended (OpenID Connect Back-Channel Logout 1.0)."""

import secrets
from collections.abc import Sequence

from eventlog.errors import unavailable
from eventlog.log import Attempt, By
from services.token.adapters.names import names_of
from services.token.adapters.signer import sign
from services.token.domain.client import CLIENT, Client
from services.token.domain.events import LogoutGivenUp, LogoutTold
from services.token.domain.keyring import KEYRING, signing_ring
from services.token.domain.logout import LOGOUT, Logout, begin, logout_claims
from services.token.ports import Token

LOGOUT_TOKEN = "logout+jwt"


async def begin_logout(
    token: Token, session_id: str, subject: str, client_ids: Sequence[str], by: By, command_id: str
) -> Logout:
    """Notes which of a session's clients are to be told; twice is once. What is left to do."""
    known = await token.log.fresh_each(CLIENT, list(client_ids))
    wanting = [client.id for client in known if client.backchannel_logout_uri]

    async def decide(attempt: Attempt) -> None:
        events = begin(await attempt.read(LOGOUT, session_id), session_id, subject, wanting)
        await attempt.write(LOGOUT, session_id, *events)

    if wanting:
        await token.log.decide(by, decide, command_id)
    return await token.log.fresh(LOGOUT, session_id)


async def told(token: Token, session_id: str, client_id: str, by: By) -> None:
    """The client knows."""
    await _done(token, LogoutTold(session_id=session_id, client_id=client_id), by)


async def given_up(token: Token, session_id: str, client_id: str, reason: str, by: By) -> None:
    """The client was tried for long enough."""
    await _done(token, LogoutGivenUp(session_id=session_id, client_id=client_id, reason=reason), by)


async def _done(token: Token, event: LogoutTold | LogoutGivenUp, by: By) -> None:
    async def decide(attempt: Attempt) -> None:
        if event.client_id in (await attempt.read(LOGOUT, event.session_id)).owed:
            await attempt.write(LOGOUT, event.session_id, event)

    await token.log.decide(by, decide)


async def logout_token(token: Token, client: Client, logout: Logout) -> str:
    """A fresh one, by the algorithm that the client's ID tokens have (section 2.4). Raises Refusal `keys_not_ready`."""
    key = (await token.log.fresh(KEYRING, signing_ring(client.id_token_alg))).active
    if key is None:
        raise unavailable("keys_not_ready", "the keys of this service are being made")
    names = await names_of(token.log, client)
    claims = logout_claims(token.issuer, client.id, logout, secrets.token_urlsafe(16), token.log.now(), names)
    return await sign(token.vault, key.id, client.id_token_alg, claims, LOGOUT_TOKEN)
