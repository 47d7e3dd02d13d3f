"""What browsers bring to the endpoints that they are sent to, as /openapi.json shows it."""

from typing import Any

from chassis.web import pages
from chassis.web.forms import MEDIA_TYPE

_AUTHORIZE = {
    "response_type": "`code`; or `id_token`, `id_token token`, where the client registered itself for `implicit`.",
    "client_id": "Who asks.",
    "redirect_uri": "Where the answer goes: as registered, character for character.",
    "scope": "What is asked for, separated by spaces.",
    "state": "Comes back with the answer.",
    "response_mode": "`query`, `fragment` or `form_post`.",
    "code_challenge": "RFC 7636; required unless that was lifted for the client.",
    "code_challenge_method": "`S256`.",
    "nonce": "Comes back in the ID token.",
    "prompt": "`none`, or some of `login`, `consent` and `select_account`.",
    "max_age": "How long ago somebody may have signed in, in seconds.",
    "login_hint": "What the sign-in page is to be filled in with.",
    "id_token_hint": "An ID token of whoever it has to be.",
    "acr_values": "How somebody is to sign in.",
    "claims": "OpenID Connect Core 5.5.",
    "resource": "Whom the token is for (RFC 8707).",
    "request_uri": "What a pushed request was answered with (RFC 9126).",
    "request": "The parameters as a signed JWT (RFC 9101).",
    "ui_locales": "The languages of the pages, by preference.",
    "display": "Pages fit every screen.",
}
_LOGOUT = {
    "id_token_hint": "An ID token of the session that is to end: where it fits this browser's, nobody is asked.",
    "client_id": "Who asks.",
    "post_logout_redirect_uri": "Where the browser goes afterwards: as registered.",
    "state": "Comes back there.",
    "logout_hint": "Not needed here: a browser has one session.",
    "ui_locales": "The languages of the pages, by preference.",
}
_REQUIRED = frozenset({"client_id"})
_REFUSED = (400, 500, 503)


def authorize(method: str) -> dict[str, Any]:
    """GET or POST /oauth2/authorize."""
    said = {"summary": "Ask for an authorization code (OAuth 2.1, OpenID Connect)"}
    return said | _brought(method, _AUTHORIZE, _REQUIRED) | pages(200, 429, *_REFUSED)


def logout(method: str) -> dict[str, Any]:
    """GET or POST /oauth2/logout."""
    said = {"summary": "Sign somebody out (OpenID Connect RP-Initiated Logout)"}
    return said | _brought(method, _LOGOUT) | pages(200, *_REFUSED)


def account() -> dict[str, Any]:
    """GET /account."""
    return {"summary": "A person's own page: sessions and applications"} | pages(200, *_REFUSED)


def device() -> dict[str, Any]:
    """GET /device."""
    said = {"summary": "Enter the code that a device shows (RFC 8628)"}
    return said | _brought("GET", {"user_code": "The code, filled in."}) | pages(200, *_REFUSED)


def _brought(method: str, named: dict[str, str], required: frozenset[str] = frozenset()) -> dict[str, Any]:
    if method == "GET":
        return {
            "parameters": [
                {
                    "name": name,
                    "in": "query",
                    "required": name in required,
                    "description": description,
                    "schema": {"type": "string"},
                }
                for name, description in named.items()
            ]
        }
    properties = {name: {"type": "string", "description": description} for name, description in named.items()}
    schema = {"type": "object", "properties": properties} | ({"required": sorted(required)} if required else {})
    return {"requestBody": {"required": bool(required), "content": {MEDIA_TYPE: {"schema": schema}}}}
