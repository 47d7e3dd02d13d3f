"""What the authorization endpoint may be asked for (OAuth 2.0 Multiple Response Type Encoding Practices).

Tokens themselves come from there only because OpenID Connect Core 15.2 wants it of providers that register clients, and
only in a form's fields: they stand in no address, no history and no log (RFC 9700 2.1.2, 4.3.2).
"""

from collections.abc import Iterable, Mapping

from services.token.domain.client import Client

CODE, IMPLICIT = "authorization_code", "implicit"
GRANTED_BY = {"code": CODE, "id_token": IMPLICIT, "id_token token": IMPLICIT}
"""The grant type that each response type needs (RFC 7591 2.1)."""

RESPONSE_MODES = ("query", "fragment", "form_post")


def type_of(text: str) -> str:
    """As it is written here: the order of its words says nothing."""
    return " ".join(sorted(set(text.split())))


def gives_tokens(asked: Mapping[str, str]) -> bool:
    """Whether it asks for tokens themselves, and not for a code."""
    return GRANTED_BY.get(type_of(asked.get("response_type", "code"))) == IMPLICIT


def _without_any(client: Client, asked: Mapping[str, str]) -> bool:
    return {CODE, IMPLICIT}.isdisjoint(client.grant_types)


def _no_type(client: Client, asked: Mapping[str, str]) -> bool:
    return "response_type" not in asked


def _other_type(client: Client, asked: Mapping[str, str]) -> bool:
    return GRANTED_BY.get(type_of(asked["response_type"])) not in client.grant_types


def _other_mode(client: Client, asked: Mapping[str, str]) -> bool:
    return asked.get("response_mode", "query") not in RESPONSE_MODES


def _by_address(client: Client, asked: Mapping[str, str]) -> bool:
    return gives_tokens(asked) and asked.get("response_mode") != "form_post"


def _no_nonce(client: Client, asked: Mapping[str, str]) -> bool:
    """OpenID Connect Core 3.2.2.1: without it an ID token of another answer could be put in."""
    return gives_tokens(asked) and not asked.get("nonce")


def _nobody_named(client: Client, asked: Mapping[str, str]) -> bool:
    return gives_tokens(asked) and "openid" not in asked.get("scope", "").split()


TYPE_RULES = (
    (_without_any, ("unauthorized_client", "the client is not registered for authorization_code")),
    (_no_type, ("invalid_request", "response_type is missing")),
    (_other_type, ("unsupported_response_type", "response_type is code, and nothing else, or what it registered for")),
    (_other_mode, ("invalid_request", f"response_mode is one of {', '.join(RESPONSE_MODES)}")),
    (_by_address, ("invalid_request", "tokens come by response_mode form_post, and by no other")),
    (_no_nonce, ("invalid_request", "nonce is missing (OpenID Connect Core 3.2.2.1)")),
    (_nobody_named, ("invalid_scope", "an ID token is of the scope openid")),
)


def implicit_rules(client: Client) -> Iterable[tuple[str, bool]]:
    """OpenID Connect Core 15.2 wants it of those who let clients register themselves; nobody else needs it."""
    if IMPLICIT not in client.grant_types:
        return
    yield "implicit is for clients that register themselves", not client.self_registered
    yield "implicit: what comes through a browser is bound to no key", client.constrained
    # OpenID Connect Dynamic Client Registration 2, application_type
    yield "implicit: redirect URIs are https", not all(uri.startswith("https://") for uri in client.redirect_uris)
