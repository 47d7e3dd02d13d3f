"""Issuing (RULES 7, 9): append first, then sign; no token without its event."""

import secrets
from collections.abc import Mapping
from typing import Any

import msgspec

from eventlog.errors import unavailable
from eventlog.log import Attempt, By
from services.token.adapters.names import names_of
from services.token.adapters.refresh_secrets import refresh_token
from services.token.adapters.signer import sign
from services.token.commands.clients import proven
from services.token.commands.pairwise import note_family
from services.token.commands.standing import Overtaken, session_over
from services.token.domain import SECOND
from services.token.domain.authorization import Login
from services.token.domain.binding import UNBOUND, Binding
from services.token.domain.client import CLIENT, Client
from services.token.domain.errors import SessionOver, UnauthorizedClient
from services.token.domain.events import ClientUsed, FamilyStarted, Issue, TokenIssued
from services.token.domain.family import FAMILY, LIFE, Family, family_of
from services.token.domain.keyring import KEYRING, REFRESH_RING, Key, signing_ring
from services.token.domain.names import Names
from services.token.domain.pairwise import last_token
from services.token.domain.revocation import SUBJECT, TOKEN
from services.token.domain.said import Identified, access_claims, id_claims
from services.token.ports import Token


class TokenAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 6749 5.1. `position` is where the issuing event stands; it goes into a header, not into the body."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    refresh_token: str | None = None
    id_token: str | None = None
    issued_token_type: str | None = None

    def __repr__(self) -> str:
        return f"TokenAnswer(scope={self.scope!r})"


class Answered(msgspec.Struct, frozen=True):
    answer: TokenAnswer
    position: int


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
    """What was decided: the event of the token, who signs it, whose it is, and the family where there is one."""

    issue: Issue
    key: Key
    client: Client
    family: Family | None = None
    generation: int = 0
    refresh_key: str = ""
    id_token: "IdSigning | None" = None


class IdSigning(msgspec.Struct, frozen=True):
    """What an ID token that goes with it says, and who signs it."""

    said: Identified
    key: Key
    alg: str


class Given(msgspec.Struct, frozen=True):
    """What a family is for. `offline`: it outlives its session. `told`: see Identified."""

    scope: str
    audience: tuple[str, ...]
    offline: bool = False
    userinfo_claims: tuple[str, ...] = ()
    code_id: str | None = None
    nonce: str | None = None
    binding: Binding = UNBOUND
    told: Mapping[str, Any] = {}


async def signing_key(attempt: Attempt, client: Client) -> Key:
    """The active key for the client's algorithm; its ring is guarded, so a rotation is never overlooked."""
    return await _active(attempt, signing_ring(client.access_token_alg))


async def identifies(attempt: Attempt, client: Client, scope: str, said: Identified) -> IdSigning | None:
    """The ID token that goes with an access token; none without the scope `openid` (OpenID Connect Core 3.1.2.1)."""
    if "openid" not in scope.split():
        return None
    return IdSigning(said, await _active(attempt, signing_ring(client.id_token_alg)), client.id_token_alg)


async def refresh_key(attempt: Attempt) -> Key:
    return await _active(attempt, REFRESH_RING)


async def _active(attempt: Attempt, ring: str) -> Key:
    key = (await attempt.read(KEYRING, ring)).active
    if key is None:
        raise unavailable("keys_not_ready", "the keys of this service are being made")
    return key


def says(
    client: Client, subject: str, audience: list[str], scope: str, now: int, binding: Binding = UNBOUND
) -> dict[str, Any]:
    """What every issuing event says of its token."""
    return {
        "token_id": f"tok_{secrets.token_urlsafe(12)}",
        "client_id": client.id,
        "subject": subject,
        "audience": audience,
        "scope": scope,
        "expires_at": now + client.access_token_life * SECOND,
        **(binding.said if binding else {}),
        **({"may_act": client.may_act} if client.may_act else {}),
    }


async def client_credentials(
    token: Token,
    client: Client,
    scope: str | None,
    resources: list[str],
    by: By,
    binding: Binding = UNBOUND,
    grant_type: str = "client_credentials",
) -> Answered:
    """RFC 6749 4.4: a token for the client itself, by whichever grant type it has come to it."""

    async def decide(attempt: Attempt) -> Signing:
        own = await proven(attempt, client)
        own.may(grant_type)
        await attempt.read(SUBJECT, own.id)
        key = await signing_key(attempt, own)
        audience = own.audience(resources, token.issuer)
        given = says(own, own.id, audience, own.scope(scope), attempt.now, binding)
        issued = TokenIssued(**given)
        attempt.start(TOKEN, issued.token_id, issued)
        return Signing(issued, key, own)

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
        if client.constrained:
            raise UnauthorizedClient("direct login proves no key, and this client's tokens are bound to one")
        match await session_over(token, attempt, new):
            case Login():
                raise SessionOver
            case Overtaken() as overtaken:
                return overtaken
        given = Given(client.scope(None), tuple(client.audience([], token.issuer)))
        return await begin_family(attempt, client, new, given)

    outcome = await token.log.decide(by, decide)
    if isinstance(outcome.value, Overtaken):
        return outcome.value
    return await answer(token, outcome.value, outcome.position, outcome.time)


async def begin_family(attempt: Attempt, client: Client, new: NewFamily, given: Given) -> Signing:
    """Writes a family and its first access token; with a refresh token where the client is registered for them."""
    key, refresh = await signing_key(attempt, client), await refresh_key(attempt)
    session_id = "" if given.offline else new.session_id
    started = FamilyStarted(
        family_id=f"fam_{secrets.token_urlsafe(12)}",
        client_id=client.id,
        subject=new.subject,
        session_id=session_id,
        session_position=new.session_position,
        seen=new.seen,
        scope=given.scope,
        refresh_key=refresh.id,
        auth_time=new.auth_time,
        acr=new.acr,
        amr=list(new.amr),
        expires_at=attempt.now + LIFE,
        audience=list(given.audience) if given.code_id else [],
        offline=given.offline,
        userinfo_claims=list(given.userinfo_claims),
        code_id=given.code_id,
        **given.binding.said,
    )
    said = says(client, new.subject, list(given.audience), given.scope, attempt.now, given.binding)
    issued = TokenIssued(**said, session_id=session_id or None, family_id=started.family_id)
    attempt.start(FAMILY, started.family_id, started, issued)
    if client.unused_until:
        await attempt.write(CLIENT, client.id, ClientUsed(client_id=client.id))
    family, generation = family_of(started), 1 if "refresh_token" in client.grant_types else 0
    await note_family(attempt, client, family, last_token(family) if generation else issued.expires_at)
    identified = await identifies(attempt, client, given.scope, Identified(new.session_id, given.nonce, given.told))
    return Signing(issued, key, client, family, generation, refresh.id, identified)


async def answer(
    token: Token, signing: Signing, position: int, time: int, issued_token_type: str | None = None
) -> Answered:
    """Signs what the log now holds. A generation of 0 gives no refresh token."""
    names = await names_of(token.log, signing.client)
    claims = access_claims(token.issuer, signing.issue, signing.family, position, time, names)
    claims |= await token.entitled.claims(signing.client, signing.issue.subject)
    refresh = None
    if signing.family is not None and signing.generation:
        refresh = await refresh_token(token.vault, signing.refresh_key, signing.family.id, signing.generation)
    access = await sign(token.vault, signing.key.id, signing.client.access_token_alg, claims)
    return Answered(
        TokenAnswer(
            access_token=access,
            token_type="DPoP" if signing.issue.jkt else "Bearer",
            expires_in=max(0, claims["exp"] - claims["iat"]),
            scope=signing.issue.scope,
            refresh_token=refresh,
            id_token=await _id_token(token, signing, access, time, names),
            issued_token_type=issued_token_type,
        ),
        position,
    )


async def _id_token(token: Token, signing: Signing, access_token: str, time: int, names: Names) -> str | None:
    asked, family = signing.id_token, signing.family
    if asked is None or family is None:
        return None
    claims = id_claims(token.issuer, family, asked.said, access_token, asked.alg, time, names)
    return await sign(token.vault, asked.key.id, asked.alg, claims, "JWT")
