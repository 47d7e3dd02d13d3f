"""What identity answers over REST, as /openapi.json shows it: the shapes, and the codes of what is refused."""

from typing import Any

from pydantic import BaseModel, Field

from chassis.web.described import BEARER, SESSION, SESSION_CHANGES, Codes, refuses

_WHO: Codes = {
    401: ("authentication_required", "invalid_token", "unauthenticated"),
    403: ("insufficient_scope",),
}
_ADMINISTRATOR: Codes = {
    401: ("authentication_required", "invalid_token"),
    403: ("insufficient_scope", "not_allowed"),
    404: ("account_unknown",),
}


class Registered(BaseModel):
    account_id: str
    position: int


class LoggedIn(BaseModel):
    """The tokens are there where a client with direct login asked."""

    account_id: str
    session_id: str
    csrf_token: str
    position: int
    access_token: str = Field(default="")
    token_type: str = Field(default="Bearer")
    expires_in: int = Field(default=0, description="seconds")
    refresh_token: str = Field(default="")
    scope: str = Field(default="")


class Notice(BaseModel):
    """What the account's owner ought to know."""

    code: str
    at: str = Field(description="RFC 3339")
    client_id: str
    session_id: str | None


class Caller(BaseModel):
    """Who the caller is; `csrf_token` is there for a cookie alone."""

    account_id: str
    username: str
    email: str = Field(default="")
    session_id: str = Field(default="")
    csrf_token: str = Field(default="")
    notices: list[Notice]


class Session(BaseModel):
    """Times are RFC 3339."""

    session_id: str
    started: str
    last_seen: str
    address: str
    agent: str
    current: bool


class Profile(BaseModel):
    """OpenID Connect Core 5.3.2: what the token's scope, or the request's `claims`, let the application know."""

    sub: str
    preferred_username: str = Field(default="")
    email: str = Field(default="")
    email_verified: bool = Field(default=False)


class Sessions(BaseModel):
    sessions: list[Session]


class Grant(BaseModel):
    """What an application may have, since when. RFC 3339."""

    client_id: str
    name: str
    scopes: list[str]
    since: str


class Grants(BaseModel):
    grants: list[Grant]


class TakenBack(BaseModel):
    applied: bool


class Done(BaseModel):
    """`applied` is false where token has not answered yet: it still happens, from the event."""

    applied: bool
    position: int


REGISTER = refuses(
    {
        409: ("account_exists",),
        422: ("username_invalid", "email_invalid", "password_too_weak", "password_too_long"),
        429: ("too_many_attempts",),
    }
)
LOGIN = refuses(
    {
        400: ("unauthorized_client",),
        401: ("invalid_credentials",),
        422: ("password_too_long",),
        429: ("too_many_attempts",),
    }
)


def person(more: Codes | None = None, *, changes: bool = False) -> dict[str, Any]:
    """Of an operation of somebody who is logged in, by bearer or by cookie."""
    codes = {status: [*names, *(more or {}).get(status, ())] for status, names in _WHO.items()}
    codes |= {status: list(names) for status, names in (more or {}).items() if status not in codes}
    if changes:
        codes[403].append("csrf_token_invalid")
    return refuses(codes, [BEARER, SESSION_CHANGES if changes else SESSION])


PASSWORD = person(
    {
        401: ("invalid_credentials",),
        422: ("password_too_weak", "password_too_long"),
        429: ("too_many_attempts",),
    },
    changes=True,
)
USERINFO = {"summary": "Who a token speaks for (OpenID Connect)"} | refuses(
    {
        400: ("invalid_request",),
        401: ("authentication_required", "invalid_token", "invalid_dpop_proof"),
        403: ("insufficient_scope",),
    },
    [BEARER],
)
ONE_GRANT = person({404: ("grant_unknown",)}, changes=True)
ONE_SESSION = person({404: ("session_unknown",)}, changes=True)
ADMINISTRATOR = refuses(_ADMINISTRATOR, [BEARER])
