"""Issuing (RULES 7, 9): append first, then sign; no token without its event."""

import secrets
from typing import Any

import msgspec

from eventlog.errors import unavailable
from eventlog.log import Attempt, By
from services.token.adapters.refresh_secrets import refresh_token
from services.token.adapters.signer import sign
from services.token.domain import SECOND
from services.token.domain.client import CLIENT, Client
from services.token.domain.errors import SessionOver, UnauthorizedClient
from services.token.domain.events import FamilyStarted, Issue, TokenIssued
from services.token.domain.family import FAMILY, LIFE, Family
from services.token.domain.keyring import KEYRING, REFRESH_RING, Key, signing_ring
from services.token.domain.revocation import SESSION, SUBJECT, TOKEN, hangs_from
from services.token.ports import Token
from watchword.folding import MAX_ACCESS_TOKEN_LIFE


class TokenAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 6749 5.1. `position` is where the issuing event stands; it goes into a header, not into the body."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    refresh_token: str | None = None

    def __repr__(self) -> str:
        return f"TokenAnswer(scope={self.scope!r})"


class Answered(msgspec.Struct, frozen=True):
    answer: TokenAnswer
    position: int


class Overtaken(msgspec.Struct, frozen=True):
    """A revocation made at token, at this position, lies between: the session must start anew."""

    by: int


class NewFamily(msgspec.Struct, frozen=True):
    """What identity says of the session that a family is to hang from."""

    client_id: str
    subject: str
    session_id: str
    session_position: int
    seen: int
    auth_time: int
    acr: str
    amr: tuple[str, ...]


class Signing(msgspec.Struct, frozen=True):
    """What was decided: the event of the token, who signs it, and the family where there is one."""

    issue: Issue
    key: Key
    alg: str
    family: Family | None = None
    generation: int = 0
    refresh_key: str = ""


async def signing_key(attempt: Attempt, client: Client) -> Key:
    """The active key for the client's algorithm; its ring is guarded, so a rotation is never overlooked."""
    return await _active(attempt, signing_ring(client.access_token_alg))


async def refresh_key(attempt: Attempt) -> Key:
    return await _active(attempt, REFRESH_RING)


async def _active(attempt: Attempt, ring: str) -> Key:
    key = (await attempt.read(KEYRING, ring)).active
    if key is None:
        raise unavailable("keys_not_ready", "the keys of this service are being made")
    return key


def says(client: Client, subject: str, audience: list[str], scope: str, now: int) -> dict[str, Any]:
    """What every issuing event says of its token."""
    return {
        "token_id": f"tok_{secrets.token_urlsafe(12)}",
        "client_id": client.id,
        "subject": subject,
        "audience": audience,
        "scope": scope,
        "expires_at": now + client.access_token_life * SECOND,
    }


async def client_credentials(token: Token, client: Client, scope: str | None, resources: list[str], by: By) -> Answered:
    """RFC 6749 4.4: a token for the client itself."""

    async def decide(attempt: Attempt) -> Signing:
        own = await attempt.read(CLIENT, client.id)
        own.may("client_credentials")
        await attempt.read(SUBJECT, own.id)
        key = await signing_key(attempt, own)
        given = says(own, own.id, own.audience(resources, token.issuer), own.scope(scope), attempt.now)
        issued = TokenIssued(**given)
        attempt.start(TOKEN, issued.token_id, issued)
        return Signing(issued, key, own.access_token_alg)

    outcome = await token.log.decide(by, decide)
    return await answer(token, outcome.value, outcome.position, outcome.time)


async def start_family(token: Token, new: NewFamily, by: By) -> Answered | Overtaken:
    """The first tokens of a session.

    Raises UnauthorizedClient, SessionOver where identity has ended the session since, and Refusal `parked` where it may
    have.
    """

    async def decide(attempt: Attempt) -> Signing | Overtaken:
        client = await attempt.read(CLIENT, new.client_id)
        if not (client.known and client.first_party and client.direct_login):
            raise UnauthorizedClient("direct login is for clients that an administrator marked so")
        session = await attempt.read(SESSION, new.session_id)
        subject = await attempt.read(SUBJECT, new.subject)
        if session.revoked_at or subject.ended_by_identity(new.session_id, new.session_position):
            raise SessionOver
        if subject.overtaken(new.seen):
            return Overtaken(subject.revoked_at)
        token.parked.refuse(*hangs_from(new.subject, new.session_id))
        return await _start(token, attempt, client, new)

    outcome = await token.log.decide(by, decide)
    if isinstance(outcome.value, Overtaken):
        return outcome.value
    return await answer(token, outcome.value, outcome.position, outcome.time)


async def _start(token: Token, attempt: Attempt, client: Client, new: NewFamily) -> Signing:
    scope = client.scope(None)
    key, refresh = await signing_key(attempt, client), await refresh_key(attempt)
    family = Family(
        id=f"fam_{secrets.token_urlsafe(12)}",
        session_id=new.session_id,
        session_position=new.session_position,
        auth_time=new.auth_time,
        acr=new.acr,
        amr=new.amr,
    )
    started = FamilyStarted(
        family_id=family.id,
        client_id=client.id,
        subject=new.subject,
        session_id=new.session_id,
        session_position=new.session_position,
        seen=new.seen,
        scope=scope,
        refresh_key=refresh.id,
        auth_time=new.auth_time,
        acr=new.acr,
        amr=list(new.amr),
        expires_at=attempt.now + LIFE,
    )
    said = says(client, new.subject, client.audience([], token.issuer), scope, attempt.now)
    issued = TokenIssued(**said, session_id=new.session_id, family_id=family.id)
    attempt.start(FAMILY, family.id, started, issued)
    generation = 1 if "refresh_token" in client.grant_types else 0
    return Signing(issued, key, client.access_token_alg, family, generation, refresh.id)


async def answer(token: Token, signing: Signing, position: int, time: int) -> Answered:
    """Signs what the log now holds. A generation of 0 gives no refresh token."""
    claims = access_claims(token.issuer, signing.issue, signing.family, position, time)
    refresh = None
    if signing.family is not None and signing.generation:
        refresh = await refresh_token(token.vault, signing.refresh_key, signing.family.id, signing.generation)
    return Answered(
        TokenAnswer(
            access_token=await sign(token.vault, signing.key.id, signing.alg, claims),
            token_type="Bearer",
            expires_in=max(0, claims["exp"] - claims["iat"]),
            scope=signing.issue.scope,
            refresh_token=refresh,
        ),
        position,
    )


def access_claims(issuer: str, issue: Issue, family: Family | None, position: int, time: int) -> dict[str, Any]:
    """The claims of RFC 9068 2.2 with Watchword's own (RULES 9)."""
    claims: dict[str, Any] = {
        "iss": issuer,
        "sub": issue.subject,
        "aud": issue.audience[0] if len(issue.audience) == 1 else issue.audience,
        # The process that decided may have been ahead of the log: no verifier takes a life above the longest.
        "exp": min(issue.expires_at // SECOND, time // SECOND + MAX_ACCESS_TOKEN_LIFE),
        "iat": time // SECOND,
        "jti": issue.token_id,
        "client_id": issue.client_id,
        "scope": issue.scope,
        "pos": position,
    }
    if family is None:
        return claims
    return claims | {
        "sid": family.session_id,
        "spos": family.session_position,
        "fam": family.id,
        "auth_time": family.auth_time // SECOND,
        "acr": family.acr,
        "amr": list(family.amr),
    }
