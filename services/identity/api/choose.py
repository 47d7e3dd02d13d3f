"""Choosing with which account to go on: with the session that there is, or with another."""

from starlette.responses import Response

from chassis.web import Form
from services.identity.api.way import Way
from services.identity.commands.authorize import Answers
from services.identity.commands.sessions import Visitor
from services.identity.ports import ChoiceNeeded


async def show(way: Way, needed: ChoiceNeeded, there: Visitor) -> Response:
    """The page."""
    return await way.show("choose", needed.asked, {"username": there.account.username}, session_id=there.session.id)


async def answer(way: Way, form: Form) -> Response:
    """Goes on with the session that was shown, if it is still the one that is there."""
    there = await way.visitor()
    if there is None or not await way.fits(form, "choose", there.session.id):
        return way.again()
    match form.get("decision"):
        case "cancel":
            return await way.give_up()
        case "continue":
            found = await way.proceed(Answers(chosen=there.session.id))
            response = way.on(found.step)
            way.flows.give(way.request, response, way.flow.choose(there.session.id))
            return response
    return way.again()
