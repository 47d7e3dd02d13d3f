"""Attempts that count under several limits at once."""

import asyncio
from collections.abc import Sequence

from services.identity.ports import Limits

Counted = Sequence[tuple[str, str]]
"""Limits, each with the key that an attempt counts under."""


async def take_all(limits: Limits, counted: Counted) -> Counted:
    """Counts one attempt under each, or under none. Raises Refusal `too_many_attempts` where one has none left."""
    answers = await asyncio.gather(*(limits.take(*one) for one in counted), return_exceptions=True)
    refusals = [answer for answer in answers if isinstance(answer, BaseException)]
    taken = [one for one, answer in zip(counted, answers, strict=True) if answer is None]
    if refusals:
        await give_all_back(limits, taken)
        raise refusals[0]
    return taken


async def give_all_back(limits: Limits, counted: Counted) -> None:
    """The attempt does not count after all."""
    await asyncio.gather(*(limits.give_back(*one) for one in counted))
