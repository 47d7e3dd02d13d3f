"""One browser on its way through one authorization request."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from chassis.web import Form
from services.identity.api.callers import SESSION, new_state
from services.identity.api.flows import Flow, Flows
from services.identity.api.session import origin_at, session_state
from services.identity.api.site import Site, Trouble
from services.identity.commands.authorize import NOTHING, Answers, Next, proceed
from services.identity.commands.sessions import Visitor
from services.identity.pages.logo import Logo, logo_at
from services.identity.pages.policy import SELF, origin_of, source
from services.identity.pages.rendering import SCRIPT
from services.identity.pages.words import Words
from services.identity.ports import Asked, Authorizations, Destination, Overtaken, Step, Wrong

PATH = "/oauth2/authorize"
MAX_SHOWN = 100
"""Characters of a text that comes from an application."""


def leave(site: Site, request: Request, step: Destination | Wrong, state: str = "") -> Response:
    """The answer to the application; where there is none, the person is told why. Raises Trouble.

    `state` is what the browser's is about to be; without it, what it is.
    """
    if isinstance(step, Wrong):
        raise Trouble("request", 400, error=step.error, description=step.description)
    if not step.client_id or not (home := origin_at(step.redirect_uri)):
        return _sent(site, request, step)
    known = state or site.cookies.state(request)
    state = known or new_state()
    said = ("session_state", session_state(step.client_id, home, state))
    response = _sent(site, request, replace(step, parameters=(*step.parameters, said)))
    if not known:
        site.cookies.give_state(response, state)
    return response


def _sent(site: Site, request: Request, step: Destination) -> Response:
    if step.response_mode != "form_post":
        # RFC 9700 4.12: never 307, which would send on what was typed here.
        return RedirectResponse(located(step), 303)
    return site.show(
        "posting",
        site.say(request),
        {"action": step.redirect_uri, "parameters": step.parameters},
        leads_to=tuple(filter(None, [source(origin_of(step.redirect_uri))])),
        script=SCRIPT,
    )


def located(destination: Destination) -> str:
    """The address with the answer in it (RFC 6749 4.1.2, OAuth 2.0 Multiple Response Type Encoding Practices 2.1)."""
    answer, uri = urlencode(destination.parameters, quote_via=quote), destination.redirect_uri
    if destination.response_mode == "fragment":
        return f"{uri}#{answer}"
    return f"{uri}{joint(uri)}{answer}"


def joint(uri: str) -> str:
    """What stands between an address and more of a query."""
    return "" if uri.endswith(("?", "&")) else "&" if "?" in uri else "?"


def shown(text: str) -> Markup:
    """A name that an application chose: of a bounded length, and no writing direction of it reaches beyond it."""
    cut = text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
    return Markup("<bdi>{}</bdi>").format(cut)


def pictured(asked: Asked, *, consenting: bool) -> Logo | None:
    """The application's picture, where it may be shown. Of one that nobody vouches for only where people decide on it:
    elsewhere it would lend the page where they sign in a face that anybody can choose.
    """
    return None if asked.self_registered and not consenting else logo_at(asked.logo_uri)


def links(asked: Asked) -> list[tuple[str, str]]:
    """Where an application says more of itself (OpenID Connect Dynamic Client Registration 2). Only to pages: it may
    have named anything.
    """
    named = (
        ("consent.site", asked.client_uri),
        ("consent.policy", asked.policy_uri),
        ("consent.tos", asked.tos_uri),
    )
    return [(key, url) for key, url in named if url.startswith(("https://", "http://"))]


@dataclass(frozen=True, slots=True)
class Way:
    """Where the browser is on it: `flow` is what its cookie says."""

    site: Site
    flows: Flows
    token: Authorizations
    request: Request
    flow: Flow

    @property
    def path(self) -> str:
        """The one address of all pages on this way: it shows whatever comes next."""
        return f"{PATH}/{self.flow.id}"

    @property
    def action(self) -> str:
        return self.site.pages.base + self.path

    def say(self, asked: Asked) -> Words:
        return self.site.say(self.request, asked.ui_locales)

    async def visitor(self) -> Visitor | None:
        """Who is there."""
        return await self.site.visitor(self.request)

    async def proceed(self, answers: Answers = NOTHING) -> Next:
        """What comes next for whoever is there."""
        said = Answers(answers.chosen or self.flow.chosen, answers.decision)
        cookie = self.site.cookies.of(self.request, SESSION)
        return await proceed(self.site.callers.identity, self.token, self.flow.handle, cookie, said)

    async def give_up(self) -> Response:
        """Back to the application: whoever was asked does not want to."""
        return self.on(await self.token.proceed(self.flow.handle, given_up=True))

    def on(self, step: Step | Overtaken | None, state: str = "") -> Response:
        """Away with the answer, to the page of what comes next, or to where it says that the request is kept no more.

        `state`: see `leave`.
        """
        if isinstance(step, Wrong):
            over = Trouble("over", 400, error=step.error, description=step.description)
            return self.site.trouble(self.request, over)
        if isinstance(step, Destination):
            return leave(self.site, self.request, step, state)
        return self.site.to(self.path)

    def again(self) -> Response:
        """A form was not up to date: the person sees what is asked now, and that nothing was done."""
        return self.site.to(f"{self.path}?stale=1")

    async def show(
        self, name: str, asked: Asked, values: Mapping[str, object], *, session_id: str = "", status: int = 200
    ) -> Response:
        """A page whose form is for that session. It may lead to the application at once: its policy names whereto."""
        say, client = self.say(asked), asked.client_name or asked.client_id
        logo = pictured(asked, consenting=name == "consent")
        common: dict[str, object] = {
            "problem": self.site.stale(self.request, say),
            "client": shown(client),
            "name": client[:MAX_SHOWN],
            "logo": logo.uri if logo else "",
            "action": self.action,
            "form": await self.site.proof(self._bound(name, session_id)),
        }
        leads_to = tuple(dict.fromkeys(filter(None, [SELF, source(asked.redirect_origin)])))
        images = (logo.source,) if logo else ()
        return self.site.show(name, say, common | dict(values), status=status, leads_to=leads_to, images=images)

    async def fits(self, form: Form, page: str, session_id: str = "") -> bool:
        """Whether a form is one that this browser was shown here, in that session."""
        return await self.site.fits(self._bound(page, session_id), form.get("form"))

    def _bound(self, page: str, session_id: str) -> str:
        return f"{page}/{session_id}/{self.flow.handle}"
