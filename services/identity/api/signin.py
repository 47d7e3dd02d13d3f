"""Signing in on a page."""

from dataclasses import dataclass
from math import ceil
from typing import Self

from starlette.responses import Response

from chassis import positions
from chassis.telemetry import correlation_id
from chassis.web import Form
from eventlog.errors import Kind, Refusal
from services.identity.api.callers import new_state
from services.identity.api.way import Way, links
from services.identity.commands.authorize import sign_in
from services.identity.commands.login import Credentials
from services.identity.commands.sessions import Visitor
from services.identity.pages.words import Words
from services.identity.ports import LoginNeeded

MAX_NAME = 1024
BLANK: dict[str, object] = {"username": "", "somebody": "", "again": False, "wrong": False, "links": ()}

# How it is said to a person, and with which status: 401 would want a scheme that no page has (RFC 9110 15.5.2).
_SAID = {"invalid_credentials": 422, "password_too_long": 422, "missing": 422, "too_many_attempts": 429}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why somebody is not signed in. `wait` in seconds, where it makes sense."""

    name: str
    status: int
    wait: float | None

    @classmethod
    def of(cls, refusal: Refusal) -> Self:
        """A name or password that no account can have is as wrong as any."""
        if refusal.kind is Kind.UNAVAILABLE:
            name = "overloaded" if refusal.code == "overloaded" else "unavailable"
            return cls(name, refusal.kind.http, refusal.retry_after)
        name = refusal.code if refusal.code in _SAID else "invalid_credentials"
        return cls(name, _SAID[name], refusal.retry_after)

    def shown(self, say: Words, form: Form) -> dict[str, object]:
        """What the page shows: in words, and with what was typed but for the password."""
        values = {"wait": say.duration(self.wait or 1)} if self.name == "too_many_attempts" else {}
        text = say(f"problem.{self.name}", **values)
        return {"problem": text, "username": _name(form), "wrong": self.status == 422}

    def on(self, response: Response) -> Response:
        """Says to programs, too, when to come again."""
        if self.wait is not None:
            response.headers["Retry-After"] = str(max(1, ceil(self.wait)))
        return response


def typed(form: Form) -> Credentials:
    """What somebody filled in. Raises Refusal `missing`."""
    username, password = _name(form), form.get("password")
    if not username or not password:
        raise Refusal(Kind.UNPROCESSABLE, "missing", "username or password is missing")
    return Credentials(username[:MAX_NAME], password)


def _name(form: Form) -> str:
    """Phones put a space behind a word that they complete."""
    return (form.get("username") or "").strip()


async def show(way: Way, needed: LoginNeeded, there: Visitor | None) -> Response:
    """The page. Whoever is there already is asked for the password alone."""
    if there is None:
        return await _form(way, needed, {"username": needed.asked.login_hint[:MAX_NAME]})
    if needed.account_id not in ("", there.account.id):
        return await _form(way, needed, {"somebody": there.account.username})
    return await _form(way, needed, {"username": there.account.username, "again": True})


async def answer(way: Way, form: Form) -> Response:
    """Signs in, and goes on."""
    if not await way.fits(form, "signin"):
        return way.again()
    if form.get("leave") == "cancel":
        return await way.give_up()
    try:
        return await _sign_in(way, typed(form))
    except Refusal as refusal:
        return await _wrong(way, form, Problem.of(refusal))


async def _sign_in(way: Way, credentials: Credentials) -> Response:
    callers = way.site.callers
    browser = callers.browser(way.request)
    logged_in = await sign_in(callers.identity, way.token, correlation_id(), way.flow.handle, credentials, browser)
    positions.note("identity", logged_in.position)
    state = new_state()
    response = way.on(logged_in.step, state)
    callers.cookies.give_login(response, logged_in.cookie, logged_in.device, state)
    way.flows.give(way.request, response, way.flow.choose(logged_in.session_id))
    return response


async def _wrong(way: Way, form: Form, problem: Problem) -> Response:
    # Asked as if nobody were there: only then is the answer always what this page is about.
    step = await way.token.proceed(way.flow.handle)
    if not isinstance(step, LoginNeeded):
        return way.on(step)
    return problem.on(await _form(way, step, problem.shown(way.say(step.asked), form), problem.status))


async def _form(way: Way, needed: LoginNeeded, values: dict[str, object], status: int = 200) -> Response:
    about: dict[str, object] = {"links": links(needed.asked)}
    return await way.show("signin", needed.asked, BLANK | about | values, status=status)
