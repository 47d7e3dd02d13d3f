"""Families whose tokens a revocation of their person does not name (OpenID Connect Core 8.1, RULES 7).

A pairwise client's token holds names that are the client's own, so that no verifier finds a revoked account or session
in it. Such families are noted beside their account and their session; whatever ends one of these ends them, by name.
"""

from collections.abc import Callable

import msgspec

from eventlog.events import Event, Recorded
from eventlog.log import Fold
from services.token.domain import SECOND
from services.token.domain.events import FamilyRevoked, PairwiseBegun, PairwiseEnded
from services.token.domain.family import Family
from services.token.domain.revocation import Before
from watchword.folding import MAX_ACCESS_TOKEN_LIFE, SKEW


class Noted(msgspec.Struct, frozen=True):
    """A family. `session_id` is empty where it outlives the session; after `expires_at` (µs) no token of it is good.

    `at` is the position at which it was noted.
    """

    family_id: str
    client_id: str
    subject: str
    session_id: str
    session_position: int
    expires_at: int
    at: int

    def over(self, now: int) -> bool:
        """Clocks of verifiers may differ."""
        return now >= self.expires_at + SKEW * SECOND


class Pairwise(msgspec.Struct, frozen=True):
    """The families of an account, or of a session, whose tokens may be good."""

    families: tuple[Noted, ...] = ()

    def holds(self, family_id: str, expires_at: int) -> bool:
        """Whether a family is noted, for at least that long."""
        return any(one.family_id == family_id and one.expires_at >= expires_at for one in self.families)

    def without(self, gone: Callable[[Noted], bool]) -> "Pairwise":
        return Pairwise(tuple(one for one in self.families if not gone(one)))


def ended_by(before: Before) -> Callable[[Noted], bool]:
    """Which families end with the sessions that identity has ended."""
    return lambda one: before.ends(one.session_id, one.session_position)


def last_token(family: Family) -> int:
    """When the last access token of a family that is refreshed can have expired, in µs."""
    return family.expires_at + MAX_ACCESS_TOKEN_LIFE * SECOND


def begun(family: Family, expires_at: int) -> PairwiseBegun:
    return PairwiseBegun(
        family_id=family.id,
        client_id=family.client_id,
        subject=family.subject,
        session_id=family.session_id,
        session_position=family.session_position,
        expires_at=expires_at,
    )


def ended(one: Noted, reason: str) -> FamilyRevoked:
    return FamilyRevoked(family_id=one.family_id, subject=one.subject, client_id=one.client_id, reason=reason)


def evolve_pairwise(state: Pairwise, event: Event, row: Recorded) -> Pairwise:
    """What is over is forgotten, so that this stays as small as what is live."""
    match event:
        case PairwiseBegun():
            rest = state.without(lambda one: one.family_id == event.family_id or one.over(row.time))
            noted = msgspec.convert(msgspec.structs.asdict(event) | {"at": row.position}, Noted)
            return Pairwise((*rest.families, noted))
        case FamilyRevoked():
            return state.without(lambda one: one.family_id == event.family_id)
        case PairwiseEnded():
            return state.without(lambda one: one.family_id in event.family_ids)
    return state


PAIRWISE = Fold("pairwise", Pairwise(), evolve_pairwise, snapshots=True)
"""A stream for each account, and one for each session."""
