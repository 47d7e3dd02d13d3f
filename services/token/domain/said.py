"""What tokens say: the claims of access tokens (RFC 9068) and of ID tokens (OpenID Connect Core 2)."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from services.token.domain import SECOND
from services.token.domain.binding import binding_of
from services.token.domain.events import Issue, TokenExchanged
from services.token.domain.family import Family
from services.token.domain.names import PLAIN, Names
from watchword.folding import MAX_ACCESS_TOKEN_LIFE

ID_TOKEN_LIFE = 600
"""Seconds: it says that somebody has just signed in, and is not a session."""


class Identified(msgspec.Struct, frozen=True):
    """What an ID token says besides: the session, whether the family outlives it or not, the request's nonce, and what
    identity says of the person, where the request asked for it by name.
    """

    session_id: str = ""
    nonce: str | None = None
    told: Mapping[str, Any] = {}

    def __repr__(self) -> str:
        return f"Identified({self.session_id!r})"


class IdTokenHint(msgspec.Struct, frozen=True):
    """What an ID token of this issuer says, fresh or not (OpenID Connect Core 3.1.2.1); by ids, whatever its client
    calls them.
    """

    subject: str
    client_id: str
    session_id: str


def access_claims(
    issuer: str, issue: Issue, family: Family | None, position: int, time: int, names: Names = PLAIN
) -> dict[str, Any]:
    """The claims of RFC 9068 2.2 with Watchword's own (RULES 9), a person's by the client's `names`.

    Where these are a sector's own, `spos` is left out: it is the same for every client of a session.
    """
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
    if issue.jkt or issue.x5t:
        claims["cnf"] = binding_of(issue.jkt, issue.x5t).cnf
    if issue.may_act:
        claims["may_act"] = {"sub": issue.may_act}
    if isinstance(issue, TokenExchanged):
        claims |= _delegated(issue)
    if family is None:
        return claims
    claims["sub"] = names.subject(family.subject)
    if family.session_id:
        claims["sid"] = names.session(family.session_id)
    if not names.sector:
        claims["spos"] = family.session_position
    if family.userinfo_claims:
        claims["userinfo_claims"] = list(family.userinfo_claims)
    return claims | {
        "fam": family.id,
        "auth_time": family.auth_time // SECOND,
        "acr": family.acr,
        "amr": list(family.amr),
    }


def _delegated(issue: TokenExchanged) -> dict[str, Any]:
    """RFC 8693 4.1. `prior` is what the token ends with."""
    came_from = zip(issue.prior_tokens, issue.prior_clients, issue.prior_keys, strict=True)
    prior = [{"jti": jti, "client_id": client_id, "kid": kid} for jti, client_id, kid in came_from]
    return {"act": acting(issue.actors), "prior": prior}


def acting(actors: Sequence[str]) -> dict[str, Any]:
    """The claim `act` (RFC 8693 4.1): who acts now holds whoever acted before."""
    act: dict[str, Any] = {}
    for actor in reversed(actors):
        act = {"sub": actor} | ({"act": act} if act else {})
    return act


def id_claims(
    issuer: str, family: Family, said: Identified, access_token: str, alg: str, time: int, names: Names = PLAIN
) -> dict[str, Any]:
    """The claims of OpenID Connect Core 2 and 3.1.3.6. Of a profile only what it was told: token knows none."""
    claims: dict[str, Any] = dict(said.told) | {
        "iss": issuer,
        "sub": names.subject(family.subject),
        "aud": family.client_id,
        "exp": time // SECOND + ID_TOKEN_LIFE,
        "iat": time // SECOND,
        "auth_time": family.auth_time // SECOND,
        "acr": family.acr,
        "amr": list(family.amr),
        "at_hash": half_hash(access_token, alg),
    }
    if said.session_id:
        claims["sid"] = names.session(said.session_id)
    if said.nonce is not None:
        claims["nonce"] = said.nonce
    return claims


def half_hash(text: str, alg: str) -> str:
    """The left half of the hash that goes with the algorithm (OpenID Connect Core 3.1.3.6); SHA-512 with Ed25519."""
    digest = (hashlib.sha512 if alg == "EdDSA" else hashlib.sha256)(text.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")
