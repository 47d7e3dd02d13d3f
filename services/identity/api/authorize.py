"""/oauth2/authorize: token judges and decides; here a browser is led from one of its answers to the next."""

from dataclasses import dataclass, field, replace
from functools import partial

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chassis.web import Form, is_form
from chassis.web.forms import MEDIA_TYPE, parse_form
from eventlog.errors import Refusal
from services.identity.api import choose, consent, signin
from services.identity.api.clicks import Clicks
from services.identity.api.flows import Flow, Flows, begin
from services.identity.api.requests import authorize
from services.identity.api.site import Site, Trouble
from services.identity.api.way import PATH, Way, leave
from services.identity.commands import Browser
from services.identity.commands.asking import ask
from services.identity.commands.authorize import Next
from services.identity.commands.counted import Counted, give_all_back
from services.identity.ports import (
    Authorizations,
    ChoiceNeeded,
    ConsentNeeded,
    Destination,
    Kept,
    LoginNeeded,
    Wrong,
)


@dataclass(frozen=True, slots=True)
class Authorize:
    """The handlers."""

    site: Site
    flows: Flows
    token: Authorizations
    clicks: Clicks = field(default_factory=Clicks)

    async def get(self, request: Request) -> Response:
        """Judges a request. Whoever need not be asked anything is on their way at once, and needs no cookie for it."""
        counted = await self._ask(query := request.scope["query_string"], self.site.callers.browser(request))
        begun = await self.token.begin(query)
        if not isinstance(begun, Kept):
            return await self._leave(request, begun, counted)
        way = self._way(request, begin(begun.handle))
        found = await way.proceed()
        if isinstance(found.step, Destination | Wrong):
            return await self._leave(request, found.step, counted)
        return self._bind(way)

    async def post(self, request: Request) -> Response:
        """Judges a request that another site may have sent: by its form alone, whatever cookies came along."""
        if not is_form(request):
            raise Trouble("request", 400, error="invalid_request", description=f"the body must be {MEDIA_TYPE}")
        form = await request.body()
        counted = await self._ask(form, replace(self.site.callers.browser(request), session=None))
        begun = await self.token.begin(form)
        if isinstance(begun, Kept):
            return self._bind(self._way(request, begin(begun.handle)))
        return await self._leave(request, begun, counted)

    async def page(self, request: Request) -> Response:
        """The page of whatever comes next."""
        way = self._found(request)
        found = await way.proceed()
        if isinstance(found.step, Destination | Wrong):
            return way.on(found.step)
        response = await _page(way, found)
        self.flows.give(request, response, way.flow)
        return response

    async def answer(self, request: Request) -> Response:
        """What a person said on one of these pages."""
        form = await self.site.own_form(request)
        way = self._found(request)
        return await self.clicks.once(way.flow.handle, await request.body(), partial(_answer, way, form))

    async def _ask(self, parameters: bytes, where: Browser) -> Counted:
        """Counts a request, by the client that it says it comes from. What cannot be read says none."""
        try:
            client_id = parse_form(parameters).get("client_id") or ""
        except Refusal:
            client_id = ""
        return await ask(self.site.callers.identity, client_id, where)

    async def _leave(self, request: Request, step: Destination | Wrong, counted: Counted) -> Response:
        """An application that is answered at once leaves nothing behind that would have to be kept."""
        if isinstance(step, Destination):
            await give_all_back(self.site.callers.identity.limits, counted)
        return leave(self.site, request, step)

    def _way(self, request: Request, flow: Flow) -> Way:
        return Way(self.site, self.flows, self.token, request, flow)

    def _found(self, request: Request) -> Way:
        flow = self.flows.of(request, request.path_params["flow"])
        if flow is None:
            raise self.site.cookie_missing(request)
        return self._way(request, flow)

    def _bind(self, way: Way) -> Response:
        response = self.site.to(way.path)
        self.flows.give(way.request, response, way.flow)
        return response

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter()
        for method, handler, on_its_page in (("GET", self.get, self.page), ("POST", self.post, self.answer)):
            described = authorize(method)
            router.add_api_route(PATH, self.site.page(handler), methods=[method], openapi_extra=described)
            router.add_api_route(
                f"{PATH}/{{flow}}", self.site.page(on_its_page), methods=[method], include_in_schema=False
            )
        return router


async def _page(way: Way, found: Next) -> Response:
    step, there = found.step, found.visitor
    other = "other" in way.request.query_params
    if isinstance(step, ConsentNeeded) and there is not None and not other:
        return await consent.show(way, step, there)
    if isinstance(step, ChoiceNeeded) and there is not None and not other:
        return await choose.show(way, step, there)
    assert isinstance(step, ConsentNeeded | ChoiceNeeded | LoginNeeded)
    needed = step if isinstance(step, LoginNeeded) else LoginNeeded(step.asked)
    return await signin.show(way, needed, None if other else there)


async def _answer(way: Way, form: Form) -> Response:
    match form.get("page"):
        case "signin":
            return await signin.answer(way, form)
        case "choose":
            return await choose.answer(way, form)
        case "consent":
            return await consent.answer(way, form)
    return way.again()
