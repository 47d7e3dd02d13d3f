"""Who calls over REST: a bearer where there is an Authorization header, else the session cookie (RULES 10)."""

import re
import secrets
from dataclasses import dataclass
from typing import Protocol

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from chassis.auth import ACCOUNT
from chassis.limits import source_of
from chassis.telemetry import correlation_id
from eventlog.log import By
from services.identity.commands import Browser, Identity
from services.identity.commands.sessions import Person, check_csrf, of_claims, of_cookie
from services.identity.domain.session import LIFE, unauthenticated
from watchword.claims import Claims
from watchword.proof import NOTHING, Proven

SESSION = "watchword_session"
DEVICE = "watchword_device"
STATE = "watchword_browser"
SESSION_LIFE = LIFE // 1_000_000
DEVICE_LIFE = 365 * 24 * 3600
MAX_AGENT = 256
_STATE = re.compile(r"[A-Za-z0-9_-]{22}")

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Bearers(Protocol):
    """Whom a bearer stands for; `chassis.auth.Bearers` is one."""

    async def claims(self, headers: Headers, *scopes: str) -> Claims:
        """The claims of a token for the suite with one of the scopes. Raises Refusal."""
        ...

    async def verified(self, bearer: str, proven: Proven = NOTHING) -> Claims:
        """The claims of a token for the suite, whatever its scope. Raises Refusal."""
        ...

    async def administrator(self, headers: Headers, action: str) -> Claims:
        """The same for an administrator whom policy allows the action."""
        ...


def new_state() -> str:
    """Something that no browser's state was before."""
    return secrets.token_urlsafe(16)


@dataclass(frozen=True, slots=True)
class Cookies:
    """Cookies. `secure`: people come by https, so they are bound to it and to this host."""

    secure: bool

    def of(self, request: Request, name: str) -> str | None:
        """A cookie's value; None beside an Authorization header."""
        return None if "authorization" in request.headers else request.cookies.get(self.named(name))

    def give_login(self, response: Response, session: str, device: str, state: str = "") -> None:
        """What a login gives."""
        self.give_session(response, session, state)
        self.give_device(response, device)

    def give_session(self, response: Response, value: str, state: str = "") -> None:
        """A session's cookie, and with it a new state of this browser, as applications see it."""
        self.give(response, SESSION, value, SESSION_LIFE)
        self.give_state(response, state or new_state())

    def give_device(self, response: Response, value: str) -> None:
        self.give(response, DEVICE, value, DEVICE_LIFE)

    def drop_session(self, response: Response) -> None:
        """Nobody is signed in here any more, which changes the browser's state, too."""
        self.give(response, SESSION, "", 0)
        self.give_state(response, new_state())

    def give_state(self, response: Response, state: str) -> None:
        """Sets the one cookie that scripts can read, those of the framed page (OpenID Connect Session Management 1.0).

        It opens nothing. Frames within other sites get it only where it is not bound to this site, which needs https.
        """
        response.set_cookie(
            self.named(STATE),
            state,
            max_age=SESSION_LIFE,
            path="/",
            secure=self.secure,
            samesite="none" if self.secure else "lax",
        )

    def state(self, request: Request) -> str:
        """The browser's state; '' where it has brought none."""
        found = request.cookies.get(self.named(STATE), "")
        return found if _STATE.fullmatch(found) else ""

    def give(self, response: Response, name: str, value: str, life: int) -> None:
        """Sets a cookie that no script can read, for `life` seconds."""
        response.set_cookie(
            self.named(name), value, max_age=life, path="/", secure=self.secure, httponly=True, samesite="lax"
        )

    def named(self, name: str) -> str:
        """What a cookie is called where it goes: bound to this host where that is possible."""
        return f"__Host-{name}" if self.secure else name


@dataclass(frozen=True, slots=True)
class Callers:
    """Whoever calls."""

    identity: Identity
    bearers: Bearers
    cookies: Cookies

    async def person(self, request: Request) -> Person:
        """The person who asks about themselves. Raises Refusal where it is nobody, or the CSRF token is missing."""
        if "authorization" in request.headers:
            claims = await self.bearers.claims(request.headers, ACCOUNT)
            return await of_claims(self.identity, claims.sub, claims.sid)
        cookie = self.cookies.of(request, SESSION)
        if cookie is None:
            raise unauthenticated()
        person = await of_cookie(self.identity, cookie)
        if request.method not in _SAFE:
            await check_csrf(self.identity.log, person, request.headers.get("x-csrf-token"))
        return person

    async def administrator(self, request: Request, action: str) -> By:
        """Who administers: by bearer alone."""
        claims = await self.bearers.administrator(request.headers, action)
        return By(claims.sub, correlation_id())

    def browser(self, request: Request) -> Browser:
        """Where a request comes from."""
        address = request.client.host if request.client else ""
        return Browser(
            address=address,
            source=source_of(address),
            agent=request.headers.get("user-agent", "")[:MAX_AGENT],
            session=self.cookies.of(request, SESSION),
            device=self.cookies.of(request, DEVICE),
        )
