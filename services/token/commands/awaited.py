"""Whether somebody still waits for what a request asks for.

A client that got no answer asks again, elsewhere perhaps, and goes on. What it sent first may lie in the socket of a
process that stands still, or wait in one whose log is silent: judged later, it would look like theft.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from services.token.domain import SECOND

PROMPT = 2.0
"""Seconds after which a request that waited, for the log or for a process to be able to answer, may be given up."""


class Awaited(msgspec.Struct, frozen=True):
    """A request that came `since`, in seconds by the loop's clock. `left` tells whether its client has hung up."""

    since: float
    left: Callable[[], Awaitable[bool]]

    async def may_be_given_up(self, now: int, ready_since: int) -> bool:
        """Now, in µs by the log's time, in a process that is able to answer since then.

        Whoever shows what was stolen and hangs up, or comes in that time, is told nothing, given nothing, and judged
        when they ask again.
        """
        waited = asyncio.get_running_loop().time() - self.since
        return waited > PROMPT or now - ready_since < PROMPT * SECOND or await self.left()


def asked_now() -> Awaited:
    """By somebody who will not leave: a service, which asks for somebody else."""
    return Awaited(asyncio.get_running_loop().time(), _stays)


async def _stays() -> bool:
    return False
