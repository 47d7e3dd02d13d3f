"""Signing in on a page."""

from math import ceil

from starlette.responses import Response

from chassis import positions
from chassis.telemetry import correlation_id
from chassis.web import Form
from eventlog.errors import Kind, Refusal
from services.identity.api.way import Way
from services.identity.commands.authorize import sign_in
from services.identity.commands.login import Credentials
from services.identity.commands.sessions import Visitor
from services.identity.ports import LoginNeeded

MAX_NAME = 1024
# How it is said to a person, and with which status: 401 would want a scheme that no page has (RFC 9110 15.5.2).
_SAID = {"invalid_credentials": 422, "password_too_long": 422, "too_many_attempts": 429}


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
    if form.get("decision") == "cancel":
        return await way.give_up()
    # Phones put a space behind a word that they complete.
    username, password = (form.get("username") or "").strip(), form.get("password") or ""
    if not username or not password:
        return await _wrong(way, username, "missing", 422)
    try:
        return await _sign_in(way, Credentials(username[:MAX_NAME], password))
    except Refusal as refusal:
        return await _wrong(way, username, *_problem(refusal), refusal.retry_after)


async def _sign_in(way: Way, credentials: Credentials) -> Response:
    callers = way.site.callers
    browser = callers.browser(way.request)
    logged_in = await sign_in(callers.identity, way.token, correlation_id(), way.flow.handle, credentials, browser)
    positions.note("identity", logged_in.position)
    response = way.on(logged_in.step)
    callers.cookies.give_session(response, logged_in.cookie)
    callers.cookies.give_device(response, logged_in.device)
    way.flows.give(way.request, response, way.flow.choose(logged_in.session_id))
    return response


def _problem(refusal: Refusal) -> tuple[str, int]:
    if refusal.code in _SAID:
        return refusal.code, _SAID[refusal.code]
    if refusal.kind is Kind.UNAVAILABLE:
        return ("overloaded" if refusal.code == "overloaded" else "unavailable"), refusal.kind.http
    # A name or password that no account can have is as wrong as any.
    return "invalid_credentials", 422


async def _wrong(way: Way, username: str, problem: str, status: int, wait: float | None = None) -> Response:
    """The page again, with what was typed but for the password."""
    # Asked as if nobody were there: only then is the answer always what this page is about.
    step = await way.token.proceed(way.flow.handle)
    if not isinstance(step, LoginNeeded):
        return way.on(step)
    say = way.say(step.asked)
    text = say(f"problem.{problem}", **({"wait": say.duration(wait or 1)} if problem == "too_many_attempts" else {}))
    response = await _form(way, step, {"username": username, "problem": text, "wrong": status == 422}, status)
    if wait is not None:
        response.headers["Retry-After"] = str(max(1, ceil(wait)))
    return response


async def _form(way: Way, needed: LoginNeeded, values: dict[str, object], status: int = 200) -> Response:
    return await way.show("signin", needed.asked, _NOTHING | values, status=status)


_NOTHING: dict[str, object] = {"username": "", "somebody": "", "again": False, "wrong": False}
