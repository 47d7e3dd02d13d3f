"""What all pages have in common: how they are answered, and what people are told where they cannot go on."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from urllib.parse import urlsplit

import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from chassis.telemetry import correlation_id
from chassis.web import Form, oauth_form
from eventlog.errors import Kind, Refusal
from services.identity.api.callers import SESSION, Callers, Cookies
from services.identity.commands.authorize import visitor
from services.identity.commands.sessions import Visitor, csrf_token, fits
from services.identity.pages.policy import SELF, policy
from services.identity.pages.rendering import Pages
from services.identity.pages.words import Words

Page = Callable[[Request], Awaitable[Response]]

logger: structlog.stdlib.BoundLogger = structlog.get_logger()

SETTING = "WATCHWORD_IDENTITY_PUBLIC_URL"
# `no-referrer` would make browsers send `Origin: null` with our own forms (Fetch 3.1, "append a request `Origin`").
_REFERRER = "same-origin"


class Trouble(Exception):
    """A person cannot go on. `what` names the page that says why and what to do; `error` is one of the standards."""

    def __init__(self, what: str, status: int, *, error: str = "", description: str = "", **values: str) -> None:
        super().__init__(what)
        self.what, self.status, self.values = what, status, values
        self.error, self.description = error, description


@dataclass(frozen=True, slots=True)
class Site:
    """`origins` are those by which the world reaches this service; `public_url` is the one that the settings name."""

    pages: Pages
    callers: Callers
    origins: frozenset[str]
    public_url: str | None = None

    @property
    def cookies(self) -> Cookies:
        return self.callers.cookies

    def say(self, request: Request, wanted: tuple[str, ...] = ()) -> Words:
        """In which language."""
        return self.pages.languages.choose(wanted, request.headers.get("accept-language", ""))

    def stale(self, request: Request, say: Words) -> str:
        """What whoever sent a form that was not up to date is told: nothing was done."""
        return say("problem.stale") if "stale" in request.query_params else ""

    def show(
        self,
        name: str,
        say: Words,
        values: Mapping[str, object],
        *,
        status: int = 200,
        leads_to: tuple[str, ...] = (SELF,),
        script: str = "",
        frames: tuple[str, ...] = (),
        images: tuple[str, ...] = (),
    ) -> Response:
        """A page. `leads_to` is where its forms may lead, `frames` whose pages it may show within, `images` whose
        pictures it may show besides our own.
        """
        headers = {
            "Content-Security-Policy": policy(*leads_to, script=script, frames=frames, images=images),
            "Referrer-Policy": _REFERRER,
            "Content-Language": say.tag,
        }
        return HTMLResponse(self.pages.render(name, say, values), status, headers)

    def to(self, path: str) -> Response:
        """On to another page, by GET whatever came (RFC 9700 4.12)."""
        return RedirectResponse(self.pages.base + path, 303)

    def page(self, handler: Page) -> Page:
        """A handler whose refusals are pages, too."""

        @wraps(handler)
        async def shown(request: Request) -> Response:
            try:
                return await handler(request)
            except Trouble as trouble:
                return self.trouble(request, trouble)
            except Refusal as refusal:
                return self._refused(request, refusal)
            except Exception:
                logger.exception("request_failed", method=request.method, path=route(request))
                return self.trouble(request, Trouble("internal", 500))

        return shown

    def _refused(self, request: Request, refusal: Refusal) -> Response:
        match refusal.kind:
            case Kind.UNAVAILABLE:
                trouble = Trouble("unavailable", 503, error=refusal.code)
            case Kind.TOO_MANY:
                wait = self.say(request).duration(refusal.retry_after or 1)
                trouble = Trouble("busy", 429, error="temporarily_unavailable", wait=wait)
            case _:
                trouble = Trouble("request", refusal.kind.http, error=refusal.code, description=refusal.detail)
        response = self.trouble(request, trouble)
        if trouble.status in (429, 503):
            response.headers["Retry-After"] = str(max(1, round(refusal.retry_after or 1)))
        return response

    def trouble(self, request: Request, trouble: Trouble) -> Response:
        """The page that says why somebody cannot go on, with a reference that the log has, too."""
        logger.info("page_of_error", page=trouble.what, error=trouble.error, at=route(request))
        again = trouble.what in ("unavailable", "internal", "busy") and request.method == "GET"
        return self.show(
            "error",
            self.say(request),
            {
                "what": trouble.what,
                "values": trouble.values,
                "error": trouble.error,
                "description": trouble.description,
                "reference": correlation_id(),
                "again": _here(request) if again else "",
            },
            status=trouble.status,
            leads_to=(),
        )

    async def visitor(self, request: Request) -> Visitor | None:
        """Who is there. Raises Refusal `parked`."""
        return await visitor(self.callers.identity, self.cookies.of(request, SESSION))

    async def proof(self, bound_to: str) -> str:
        """What only this service can have written into a form or a cookie that is bound to this."""
        return await csrf_token(self.callers.identity.log, bound_to)

    async def fits(self, bound_to: str, shown: str | None) -> bool:
        """Whether what is shown is the proof of this."""
        return await fits(self.callers.identity.log, bound_to, shown)

    async def own_form(self, request: Request) -> Form:
        """The form of one of our own pages. Raises Trouble where another site sent it."""
        if not self._is_own(request):
            raise Trouble("foreign", 403, setting=SETTING)
        return await oauth_form(request)

    def _is_own(self, request: Request) -> bool:
        """RULES 10. Whoever reaches this service by a name that it does not know of sends both Origin and Host."""
        site = request.headers.get("sec-fetch-site", "").lower()
        if site == "cross-site":
            return False
        host = request.headers.get("host", "").lower()
        known = {*self.origins, f"http://{host}", f"https://{host}"}
        if site == "same-origin":
            known.add("null")
        return all(origin.lower() in known for origin in request.headers.getlist("origin"))

    def cookie_missing(self, request: Request) -> Trouble:
        """A page's cookie did not come: mostly because the page was reached by another name than cookies are for."""
        here, there = request.headers.get("host", "").lower(), self.public_url or ""
        if there and here != urlsplit(there).netloc.lower():
            return Trouble("address", 400, here=here, there=there, setting=SETTING)
        return Trouble("cookie", 400)


def route(request: Request) -> str:
    """The template of the path, never what was sent."""
    return str(getattr(request.scope.get("route"), "path", ""))


def _here(request: Request) -> str:
    query = request.scope["query_string"].decode("ascii", "ignore")
    return f"?{query}" if query else "?"
