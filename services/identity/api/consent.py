"""Consent: what an application may do, for whom, and for how long."""

from starlette.responses import Response

from chassis.web import Form
from services.identity.api.way import Way, links, shown
from services.identity.commands.authorize import Answers
from services.identity.commands.sessions import Visitor
from services.identity.pages.words import Words
from services.identity.ports import ConsentNeeded, Decision

SCOPE = "scope."


async def show(way: Way, needed: ConsentNeeded, there: Visitor) -> Response:
    """The page."""
    say = way.say(needed.asked)
    values = {
        "username": there.account.username,
        "fresh": needed.scopes,
        "had": needed.granted,
        "lasts": lasts(say, needed.offline),
        "leads": shown(needed.asked.redirect_origin) if needed.asked.redirect_origin else "",
        "links": links(needed.asked),
    }
    return await way.show("consent", needed.asked, values, session_id=there.session.id)


def lasts(say: Words, offline: int) -> str:
    """For how long an application may have what it asks for: as long as the session, or `offline` seconds unused."""
    return say("consent.offline", duration=say.duration(offline)) if offline else say("consent.session")


async def answer(way: Way, form: Form) -> Response:
    """Hands on what was decided, if whoever was asked is still the one who is there."""
    there = await way.visitor()
    if there is None or not await way.fits(form, "consent", there.session.id):
        return way.again()
    decision = decision_of(form)
    if decision is None:
        return way.again()
    return way.on((await way.proceed(Answers(decision=decision))).step)


def decision_of(form: Form) -> Decision | None:
    """What a person decided; None where no button says it."""
    match form.get("decision"):
        case "allow":
            granted = tuple(name.removeprefix(SCOPE) for name in form.values if name.startswith(SCOPE))
            return Decision(True, granted)
        case "deny":
            return Decision(False)
    return None
