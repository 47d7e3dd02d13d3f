"""Families of pairwise clients: noted when they begin, and ended by what ends their session, or all of an account.

Their ends stand in the streams in which they are noted, and not in their own: no refresh that is in flight contends
with a revocation.
"""

from collections.abc import Callable

from eventlog.log import Attempt, By
from services.token.domain.client import Client
from services.token.domain.events import PairwiseEnded
from services.token.domain.family import Family
from services.token.domain.pairwise import PAIRWISE, Noted, begun, ended
from services.token.ports import Token

TRIES = 8
Which = Callable[[Noted], bool]


async def note_family(attempt: Attempt, client: Client, family: Family, expires_at: int) -> None:
    """Notes, once, that a pairwise client is given tokens of a family, which expire by `expires_at` (µs).

    Whatever ends the session or the account meanwhile has read another version of these streams, and decides again.
    """
    if not client.pairwise or (await attempt.read(PAIRWISE, family.subject)).holds(family.id, expires_at):
        return
    for key in filter(None, (family.subject, family.session_id)):
        await attempt.write(PAIRWISE, key, begun(family, expires_at))


def each(one: Noted) -> bool:
    return True


async def end_noted(attempt: Attempt, key: str, reason: str, which: Which = each, forget: bool = True) -> None:
    """Ends the families that are noted for an account or a session, as far as `which` names them.

    `forget` what ends with a session beside its account, too: that stream may be busy with other sessions.
    """
    ending = [one for one in (await attempt.read(PAIRWISE, key)).families if which(one) and not one.over(attempt.now)]
    await attempt.write(PAIRWISE, key, *(ended(one, reason) for one in ending))
    if ending and forget and ending[0].subject != key:
        subject, ids = ending[0].subject, [one.family_id for one in ending]
        await attempt.write(PAIRWISE, subject, PairwiseEnded(subject=subject, family_ids=ids))


async def end_left(token: Token, key: str, reason: str, below: int, by: By, which: Which = each) -> int:
    """Ends those that were noted below the position of a revocation, and that it has not ended. The position, or 0."""

    async def decide(attempt: Attempt) -> None:
        await end_noted(attempt, key, reason, lambda one: one.at < below and which(one), forget=False)

    return (await token.log.decide(by, decide)).position


class Ends:
    """The ends of families that a revocation does not name, for one run of its command.

    They stand in the same append, in front of it: whoever has applied the revocation has applied them. But where
    families begin without a pause, whoever begins them must not hold up the revocation: after a few tries it is made
    alone. From then on none begins, and those that have are ended next (`left`; or by reaction, if the process ends).
    """

    def __init__(self, token: Token, by: By) -> None:
        self._token = token
        self._by = by
        self._tries = 0

    async def together(self, attempt: Attempt, key: str, reason: str, which: Which = each) -> None:
        """Before the decision reads what it writes itself."""
        self._tries += 1
        if self._tries <= TRIES:
            await end_noted(attempt, key, reason, which)

    async def left(self, key: str, reason: str, below: int, which: Which = each) -> int:
        """Ends what could not be ended together; the position of what ended last, `below` where nothing was left."""
        if self._tries <= TRIES:
            return below
        return max(below, await end_left(self._token, key, reason, below, self._by, which))
