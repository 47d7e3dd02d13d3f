"""Token exchange (RFC 8693): a service that was sent a token gets its own, with which it acts for the subject."""

import msgspec

from services.token.domain import SECOND
from services.token.domain.binding import Binding
from services.token.domain.client import Client
from services.token.domain.errors import InvalidRequest
from services.token.domain.family import Lineage
from services.token.domain.keyring import Keyring
from services.token.domain.revocation import Single, Subject
from watchword.claims import MAX_ACTORS, Claims, Prior

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
JWT = "urn:ietf:params:oauth:token-type:jwt"


class Wanted(msgspec.Struct, frozen=True):
    """What is asked for; without a scope, all that may be had."""

    scope: str | None
    targets: tuple[str, ...]


class Standing(msgspec.Struct, frozen=True):
    """All that a token hangs from, as the log has it: its family, or its subject alone where it has none; the tokens
    that it came from and itself, and the clients that these were given to; the rings of the keys that sign.
    """

    lineage: Lineage | None
    subject: Subject
    tokens: tuple[Single, ...]
    clients: tuple[Client, ...]
    rings: tuple[Keyring, ...]


def require_standing(claims: Claims, standing: Standing, now: int) -> None:
    """Raises InvalidRequest where anything has ended the token that this process may not have heard of (RULES 7)."""
    verifying = {key.id for ring in standing.rings for key in ring.keys if key.verifies}
    ended = (
        any(single.revoked_at for single in standing.tokens)
        or any(client.revoked_at > claims.pos for client in standing.clients)
        or standing.subject.revoked_at > claims.pos
        or (standing.lineage is not None and standing.lineage.ended(now))
        or not verifying.issuperset(one.kid for one in came_from(claims))
    )
    if ended:
        raise refused("subject_token")


def require_delegation(claims: Claims, actor: Claims | None, client: Client, shown: Binding) -> None:
    """Raises InvalidRequest unless the client may act with the token that it was sent (RFC 8693 1.1, 2.1, 4.4).

    It is whom the token was meant for, or whom the token names; whoever has got hold of it besides gets nothing. An
    actor token can only be the client's own.
    """
    if client.id not in (*claims.aud, claims.may_act):
        raise InvalidRequest("the client is neither in the audience of subject_token nor in its may_act")
    if len(claims.actors) >= MAX_ACTORS:
        raise InvalidRequest(f"the token came through {MAX_ACTORS} services already")
    if actor is not None and (actor.sub, actor.client_id, actor.actors) != (client.id, client.id, ()):
        raise InvalidRequest("actor_token does not speak for the client itself")
    for name, token in (("subject_token", claims), ("actor_token", actor)):
        if token is not None and token.cnf is not None and not _bound(token).held_by(shown):
            raise InvalidRequest(f"{name} is bound to a key that was not proven")


def _bound(claims: Claims) -> Binding:
    cnf = claims.cnf
    return Binding() if cnf is None else Binding(cnf.jkt or "", cnf.x5t or "")


def narrowed(claims: Claims, client: Client, wanted: Wanted) -> str:
    """The scope: of the token's, what the client may have and asks for. Raises InvalidScope where it asks for more."""
    return client.scope(wanted.scope, of=" ".join(claims.scope))


def expiry(claims: Claims, client: Client, now: int) -> int:
    """As long as the client's tokens live, and no longer than the token that it came from."""
    return min(now + client.access_token_life * SECOND, claims.exp * SECOND)


def came_from(claims: Claims) -> tuple[Prior, ...]:
    """The tokens that a new one comes from, if it is exchanged for this one."""
    return (Prior(claims.jti, claims.client_id, claims.kid), *claims.prior)


def refused(name: str) -> InvalidRequest:
    """RFC 8693 2.2.2: a token that is not good is an invalid request, whatever is wrong with it."""
    return InvalidRequest(f"{name} is no access token of this issuer that is good now")
