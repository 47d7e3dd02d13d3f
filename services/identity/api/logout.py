"""/oauth2/logout: an application sends its user's browser to be signed out (OpenID Connect RP-Initiated Logout 1.0)."""

import base64
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from chassis import positions
from chassis.telemetry import correlation_id
from chassis.web import is_form
from chassis.web.forms import MEDIA_TYPE
from eventlog.log import By
from services.identity.api.leaving import On, pages_of, signed_out
from services.identity.api.requests import logout
from services.identity.api.site import Site, Trouble
from services.identity.api.way import joint, shown
from services.identity.commands.sessions import Visitor, end_session
from services.identity.pages.policy import SELF, origin_of, source
from services.identity.ports import Authorizations, SignOut, Wrong

PATH = "/oauth2/logout"
PAGE = f"{PATH}/confirm"
KEPT = "watchword_signout"
LIFE = 600
MOST = 3500
"""Bytes of a cookie, which is 4 KiB with its name and attributes."""


@dataclass(frozen=True, slots=True)
class Logout:
    """The handlers."""

    site: Site
    token: Authorizations

    async def get(self, request: Request) -> Response:
        """Signs out at once where an id_token_hint fits this session; else asks the person (section 2)."""
        return await self._or_ask(request, await self._judged(request.scope["query_string"]))

    async def post(self, request: Request) -> Response:
        """The same by a form. Another site may have sent it, so who is there shows in the GET that follows."""
        if not is_form(request):
            raise Trouble("signout", 400, error="invalid_request", description=f"the body must be {MEDIA_TYPE}")
        return await self._ask(await self._judged(await request.body()))

    async def page(self, request: Request) -> Response:
        """Asks, unless there is nothing to ask."""
        asked = await self._kept(request)
        there = await self.site.visitor(request)
        if there is None or there.session.id == asked.session_id:
            return await self._over(request, asked, there)
        return await self._show(request, asked, there)

    async def answer(self, request: Request) -> Response:
        """What the person said."""
        form = await self.site.own_form(request)
        asked, there = await self._kept(request), await self.site.visitor(request)
        if there is None:
            return await self._over(request, asked, None)
        if not await self.site.fits(_bound(there), form.get("form")):
            return self.site.to(f"{PAGE}?stale=1")
        if form.get("decision") == "signout":
            return await self._over(request, asked, there)
        response = self._done(request, asked, "signedin")
        self.site.cookies.give(response, KEPT, "", 0)
        return response

    async def _judged(self, parameters: bytes) -> SignOut:
        judged = await self.token.judge_logout(parameters)
        if isinstance(judged, Wrong):
            raise Trouble("signout", 400, error=judged.error, description=judged.description)
        return judged

    async def _or_ask(self, request: Request, asked: SignOut) -> Response:
        there = await self.site.visitor(request)
        if there is None or there.session.id == asked.session_id:
            return await self._over(request, asked, there)
        return await self._ask(asked)

    async def _ask(self, asked: SignOut) -> Response:
        """What was judged goes along in a cookie, which nobody but this service can have written."""
        payload = base64.urlsafe_b64encode(msgspec.json.encode(asked)).decode()
        value = f"{payload}.{await self.site.proof(_kept_as(payload))}"
        if len(value) > MOST:
            raise Trouble("signout", 400, error="invalid_request", description="the request is too long")
        response = self.site.to(PAGE)
        self.site.cookies.give(response, KEPT, value, LIFE)
        return response

    async def _kept(self, request: Request) -> SignOut:
        """Raises Trouble where the cookie did not come, or is not ours."""
        payload, _, proof = (self.site.cookies.of(request, KEPT) or "").partition(".")
        if not await self.site.fits(_kept_as(payload), proof):
            raise self.site.cookie_missing(request)
        return msgspec.json.decode(base64.urlsafe_b64decode(payload), type=SignOut)

    async def _show(self, request: Request, asked: SignOut, there: Visitor) -> Response:
        say = self.site.say(request, asked.ui_locales)
        name = asked.client_name or asked.client_id
        values = {
            "problem": self.site.stale(request, say),
            "client": shown(name) if name else "",
            "username": there.account.username,
            "action": self.site.pages.base + PAGE,
            "form": await self.site.proof(_bound(there)),
        }
        leads_to = tuple(dict.fromkeys(filter(None, [SELF, source(origin_of(asked.redirect_uri))])))
        return self.site.show("signout", say, values, leads_to=leads_to)

    async def _over(self, request: Request, asked: SignOut, there: Visitor | None) -> Response:
        """Ends the session, if there is one, tells its applications through this browser, and goes where the one that
        asked wants (section 3).
        """
        pages: tuple[str, ...] = ()
        if there is not None:
            by = By(there.account.id, correlation_id())
            done = await end_session(self.site.callers.identity, by, there.account.id, there.session.id, "logout")
            positions.note("identity", done.position)
            pages = await pages_of(self.token, there.session.id)
        response = self._leaving(request, asked, pages) if pages or not asked.redirect_uri else _back(asked)
        self.site.cookies.drop_session(response)
        self.site.cookies.give(response, KEPT, "", 0)
        return response

    def _leaving(self, request: Request, asked: SignOut, pages: tuple[str, ...]) -> Response:
        on = On(_whereto(asked), shown(asked.client_name or asked.client_id))
        return signed_out(self.site, self.site.say(request, asked.ui_locales), pages, on)

    def _done(self, request: Request, asked: SignOut, what: str) -> Response:
        say = self.site.say(request, asked.ui_locales)
        return self.site.show("done", say, {"what": what}, leads_to=())

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter()
        for method, handler, on_its_page in (("GET", self.get, self.page), ("POST", self.post, self.answer)):
            described = logout(method)
            router.add_api_route(PATH, self.site.page(handler), methods=[method], openapi_extra=described)
            router.add_api_route(PAGE, self.site.page(on_its_page), methods=[method], include_in_schema=False)
        return router


def _bound(there: Visitor) -> str:
    return f"signout/{there.session.id}"


def _kept_as(payload: str) -> str:
    return f"signout-asked/{payload}"


def _back(asked: SignOut) -> Response:
    return RedirectResponse(_whereto(asked), 303)


def _whereto(asked: SignOut) -> str:
    uri = asked.redirect_uri
    if asked.state:
        uri += joint(uri) + urlencode({"state": asked.state}, quote_via=quote)
    return uri
