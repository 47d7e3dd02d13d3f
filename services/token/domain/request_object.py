"""Request objects: an authorization request as a JWT of the client's (RFC 9101, OpenID Connect Core 6)."""

from collections.abc import Mapping

import msgspec

from services.token.domain import SECOND
from services.token.domain.assertion import BY_KEY, instant
from services.token.domain.authorization import Parameters
from services.token.domain.client import Client
from services.token.domain.errors import AuthorizationRefused

TYPES = frozenset({None, "jwt", "oauth-authz-req+jwt"})
"""RFC 9101 4, and what those write who know OpenID Connect alone."""
UNSIGNED = "none"
SKEW = 30 * SECOND
_ABOUT_ITSELF = frozenset({"iss", "aud", "exp", "nbf", "iat", "jti", "sub"})


class Opened(msgspec.Struct, frozen=True):
    """What a request says. Nothing of it stood in the address."""

    parameters: Parameters
    resources: tuple[str, ...]


def algorithms(client: Client, registered_address: bool) -> tuple[str, ...]:
    """What may sign a request object of the client. One may be unsigned that lies where the client registered that it
    would, unless it registered an algorithm, or is held to FAPI 2.
    """
    own = client.request_object_alg
    signed = tuple(alg for alg in BY_KEY if own in ("", alg) and not (client.held_to_fapi and alg == "RS256"))
    unsigned = registered_address and own in ("", UNSIGNED) and not client.held_to_fapi
    return (*signed, UNSIGNED) if unsigned else signed


def read_object(claims: Mapping[str, object], client: Client, issuer: str, now: int) -> Opened:
    """The parameters of a request object whose signature holds (RFC 9101 6). Raises AuthorizationRefused."""
    _meant_for_us(claims, client, issuer, now)
    parameters: dict[str, str] = {"client_id": client.id}
    resources: list[str] = []
    for name, value in claims.items():
        if name == "resource":
            resources += _texts(value)
        elif name not in _ABOUT_ITSELF and name != "client_id":
            parameters[name] = _text(name, value)
    return Opened(parameters, tuple(resources))


def answered_as(claims: Mapping[str, object]) -> dict[str, str]:
    """How a client reads answers, by a request object that says nothing else to us. Its redirect_uri is not among that:
    where an answer goes stands in the request itself (RFC 6749 3.1.2.3).
    """
    said = {name: claims.get(name) for name in ("state", "response_mode")}
    return {name: value for name, value in said.items() if isinstance(value, str)}


def _meant_for_us(claims: Mapping[str, object], client: Client, issuer: str, now: int) -> None:
    audience = claims.get("aud", issuer)
    until, since = instant(claims, "exp"), instant(claims, "nbf")
    wrong = {
        "it is another client's (iss, client_id)": any(
            claims.get(name, client.id) != client.id for name in ("iss", "client_id")
        ),
        # So that no assertion of the client's passes for a request, nor the other way (RFC 9101 10.8).
        "it says that it is about the client (sub)": claims.get("sub") == client.id,
        "it is meant for another (aud)": issuer not in (audience if isinstance(audience, list) else [audience]),
        "it holds another request": not {"request", "request_uri"}.isdisjoint(claims),
        "it has expired (exp)": "exp" in claims and (until is None or until <= now - SKEW),
        "it is of the future (nbf)": "nbf" in claims and (since is None or since > now + SKEW),
    }
    for reason, is_so in wrong.items():
        if is_so:
            raise AuthorizationRefused("invalid_request_object", f"the request object is not good: {reason}")


def _text(name: str, value: object) -> str:
    """As it would stand in an address: `claims` is JSON there, and `max_age` a number."""
    match value:
        case str():
            return value
        case dict() if name == "claims":
            return msgspec.json.encode(value).decode()
        case int() if not isinstance(value, bool):
            return str(value)
    raise AuthorizationRefused("invalid_request_object", "the request object has a parameter of another kind")


def _texts(value: object) -> list[str]:
    named = value if isinstance(value, list) else [value]
    texts = [one for one in named if isinstance(one, str)]
    if len(texts) != len(named):
        raise AuthorizationRefused("invalid_request_object", "resource is no text, and no list of texts")
    return texts
