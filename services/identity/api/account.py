"""/account: what a person sees of their own: where they are signed in, and what applications may have of theirs."""

import secrets
from collections.abc import Awaitable
from dataclasses import asdict, dataclass
from typing import Protocol, TypeVar

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chassis import positions
from chassis.telemetry import correlation_id
from chassis.web import Form
from eventlog.errors import Kind, Refusal
from eventlog.log import By
from services.identity.api.leaving import pages_of, signed_out
from services.identity.api.requests import account
from services.identity.api.signin import BLANK, Problem, typed
from services.identity.api.site import Site
from services.identity.commands import Done
from services.identity.commands.grants import take_back
from services.identity.commands.login import log_in
from services.identity.commands.sessions import Person, Visitor, end_session, sign_out
from services.identity.pages.agents import device
from services.identity.ports import Authorizations, Grants
from services.identity.queries import Queries

T = TypeVar("T")

PATH = "/account"
ENTRY = "watchword_entry"
ENTRY_LIFE = 3600


class OfPeople(Authorizations, Grants, Protocol):
    """What token is asked for here."""


@dataclass(frozen=True, slots=True)
class AccountPage:
    """The handlers."""

    site: Site
    queries: Queries
    token: OfPeople

    async def page(self, request: Request) -> Response:
        """The page, or the one to sign in on."""
        there = await self.site.visitor(request)
        return await self._entry(request) if there is None else await self._show(request, there)

    async def answer(self, request: Request) -> Response:
        """What the person wants done. A form of before does nothing."""
        form = await self.site.own_form(request)
        there = await self.site.visitor(request)
        if form.get("page") == "signin":
            return await self._sign_in(request, form) if there is None else self.site.to(PATH)
        if there is None or not await self.site.fits(_bound(there), form.get("form")):
            return self.site.to(f"{PATH}?stale=1")
        return await self._done(request, form, there)

    async def _done(self, request: Request, form: Form, there: Visitor) -> Response:
        response, leaving = self.site.to(PATH), form.get("out") == "all" or form.get("end") == there.session.id
        identity, account_id = self.site.callers.identity, there.account.id
        by, session_id = By(account_id, correlation_id()), form.get("end")
        done: Done | None = None
        if form.get("out") == "all":
            done = await sign_out(identity, by, account_id)
        elif session_id is not None:
            done = await _unless_gone(end_session(identity, by, account_id, session_id, "ended_by_owner"))
        elif (client_id := form.get("take")) is not None:
            person = Person(there.account, there.session.id, by_cookie=True)
            taken = await _unless_gone(take_back(self.token, self.queries, person, client_id))
            if taken is not None:
                positions.note("token", taken)
        if done is not None:
            positions.note("identity", done.position)
        if leaving:
            if pages := await pages_of(self.token, there.session.id):
                response = signed_out(self.site, self.site.say(request), pages)
            self.site.cookies.drop_session(response)
        return response

    async def _show(self, request: Request, there: Visitor) -> Response:
        say, person = self.site.say(request), Person(there.account, there.session.id, by_cookie=True)
        values = {
            "problem": self.site.stale(request, say),
            "username": there.account.username,
            "action": self.site.pages.base + PATH,
            "form": await self.site.proof(_bound(there)),
            "sessions": [
                asdict(one) | {"device": device(one.agent)} for one in await self.queries.list_sessions(person)
            ],
            "notices": await self.queries.notices(person),
            "applications": await self.queries.applications(person),
        }
        return self.site.show("account", say, values)

    async def _entry(self, request: Request, values: dict[str, object] | None = None, status: int = 200) -> Response:
        """Signing in for no application. The form is bound to a cookie of its own."""
        say, entry = self.site.say(request), self.site.cookies.of(request, ENTRY) or secrets.token_urlsafe(16)
        common: dict[str, object] = {
            "problem": self.site.stale(request, say),
            "action": self.site.pages.base + PATH,
            "form": await self.site.proof(f"entry/{entry}"),
            "client": "",
            "logo": "",
        }
        response = self.site.show("signin", say, BLANK | common | (values or {}), status=status)
        self.site.cookies.give(response, ENTRY, entry, ENTRY_LIFE)
        return response

    async def _sign_in(self, request: Request, form: Form) -> Response:
        entry = self.site.cookies.of(request, ENTRY)
        if entry is None:
            raise self.site.cookie_missing(request)
        if not await self.site.fits(f"entry/{entry}", form.get("form")):
            return self.site.to(f"{PATH}?stale=1")
        callers = self.site.callers
        try:
            browser = callers.browser(request)
            logged_in = await log_in(callers.identity, correlation_id(), typed(form), browser)
        except Refusal as refusal:
            problem = Problem.of(refusal)
            return problem.on(await self._entry(request, problem.shown(self.site.say(request), form), problem.status))
        positions.note("identity", logged_in.position)
        response = self.site.to(PATH)
        callers.cookies.give_login(response, logged_in.cookie, logged_in.device)
        callers.cookies.give(response, ENTRY, "", 0)
        return response

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter()
        router.add_api_route(PATH, self.site.page(self.page), methods=["GET"], openapi_extra=account())
        router.add_api_route(PATH, self.site.page(self.answer), methods=["POST"], include_in_schema=False)
        return router


def _bound(there: Visitor) -> str:
    return f"account/{there.session.id}"


async def _unless_gone(ending: Awaitable[T]) -> T | None:
    """None where there was nothing of that name: somebody else has ended it, or nobody has it."""
    try:
        return await ending
    except Refusal as refusal:
        if refusal.kind is Kind.NOT_FOUND:
            return None
        raise
