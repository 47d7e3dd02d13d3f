"""Connecting a device (RFC 8628): somebody enters the code that it shows, and decides on what it asks for."""

import asyncio

from services.identity.commands import Browser, Identity
from services.identity.commands.authorize import signed_in, visitor
from services.identity.commands.counted import give_all_back, take_all
from services.identity.commands.login import PATIENCE, wait_for_token
from services.identity.ports import Connected, Decision, Device, Devices, Ended, Overtaken, Wrong

LIMIT = "user_code"


async def look_up(identity: Identity, devices: Devices, typed: str, where: Browser, session_id: str) -> Device | Wrong:
    """What a code that somebody typed stands for. Guesses count, per address and per session (RFC 8628 5.1).

    Raises Refusal `too_many_attempts`.
    """
    keys = [f"address/{where.source}", *([f"session/{session_id}"] if session_id else [])]
    guessing = await take_all(identity.limits, [(LIMIT, key) for key in keys])
    found = await devices.look_up(typed)
    if isinstance(found, Device):
        await give_all_back(identity.limits, guessing)
    return found


async def decide(
    identity: Identity, devices: Devices, user_code: str, cookie: str | None, decision: Decision
) -> Connected | Wrong | Ended:
    """Hands on what whoever is there decided. Raises Refusal as token does, and `not_yet_applied`."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while True:
        there = await visitor(identity, cookie)
        if there is None:
            return Ended()
        answer = await devices.decide(user_code, signed_in(there.session, decision))
        if not isinstance(answer, Overtaken):
            return answer
        await wait_for_token(identity, answer, deadline)
